# tfseg in a container, for the CPU or, with --build-arg EXTRAS=gpu,serve,export, for NVIDIA's GPUs.
#
#     docker build -t tfseg .
#     docker run --rm -v "$PWD:/data" tfseg train --input=records --gpu=-1
#     docker run --rm -v "$PWD:/data" -p 127.0.0.1:8501:8501 tfseg
FROM python:3.12-slim

ARG EXTRAS=serve,export
ARG UID=1000

WORKDIR /opt/tfseg
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir -r requirements.txt
COPY tfseg tfseg
# The pins hold for what the extras need, too.
RUN pip install --no-cache-dir -c requirements.txt ".[${EXTRAS}]"

RUN useradd --uid "${UID}" --create-home tfseg && mkdir /data && chown tfseg /data
USER tfseg
WORKDIR /data
EXPOSE 8501

# For a server only; start other commands with --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]

ENTRYPOINT ["tfseg"]
CMD ["serve", "--export=exports/linknet", "--host=0.0.0.0", "--port=8501"]
