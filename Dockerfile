# One image for every service; `flow run NAME` says which. Built with: docker compose build
FROM python:3.11-slim
# libgomp1: LightGBM's wheel wants the system's OpenMP.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home flow \
    && mkdir /var/lib/flow && chown flow /var/lib/flow
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --no-deps --compile -r requirements.txt
COPY . .
ENV PYTHONPATH=/app FLOW_HOME=/var/lib/flow FLOW_BIND=0.0.0.0
USER flow
ENTRYPOINT ["python", "-m", "flow_platform.cli"]
CMD ["--help"]
