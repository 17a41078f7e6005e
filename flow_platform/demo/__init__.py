"""The demonstration: simulated days of every flow, the last of them predicted as they would have
been. What is made is in `plan.py`, by which processes in `running.py`, what is shown of it in
`figures.py`; which days of a flow is the flow's own part `demo`.
"""
