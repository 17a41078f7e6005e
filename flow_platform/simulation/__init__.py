"""The outside world, simulated, as a program that sends what real systems would send.

Only for trying the platform out: no part of the platform needs it. What the simulated world
contains is in the simulators of `sources/`.
"""
