# The agent in a container: docs/containers.md says how it is run.
#
# The base is the same in both stages, because the virtual environment takes its Python from there.
ARG BASE_IMAGE=python:3.13-slim-bookworm

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements/build.txt requirements/run.txt requirements/
RUN python3 -m venv tools \
    && tools/bin/pip install --quiet --no-cache-dir --require-hashes --only-binary=:all: -r requirements/build.txt
# Without pip, which the agent has no use for.
RUN python3 -m venv --without-pip /opt/freshkey \
    && tools/bin/pip --python /opt/freshkey/bin/python3 install --quiet --no-cache-dir --no-compile \
        --require-hashes --only-binary=:all: -r requirements/run.txt
COPY tools/third_party.py tools/third_party.py
COPY packaging/licences packaging/licences
RUN python3 tools/third_party.py /opt/freshkey/lib/python3*/site-packages /opt/share/third-party
COPY pyproject.toml README.md LICENSE ./
COPY packaging packaging
COPY agent agent
# Bytecode is made here, because the root file system is read-only later; by its content, so that two builds are the same.
RUN tools/bin/python -m hatchling build -t wheel -d dist \
    && tools/bin/pip --python /opt/freshkey/bin/python3 install --quiet --no-compile --no-deps --no-index \
        --find-links=dist freshkey \
    && PYTHONHASHSEED=0 /opt/freshkey/bin/python3 -m compileall -qf --invalidation-mode unchecked-hash /opt/freshkey/lib \
    && rm -rf /opt/freshkey/share /opt/freshkey/include \
    && find /opt/freshkey/bin -type f ! -name freshkey -delete
COPY packaging/container/healthcheck.py /opt/freshkey/

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="freshkey" \
    org.opencontainers.image.description="Keeps short-lived OpenAI API keys from HashiCorp Vault fresh" \
    org.opencontainers.image.licenses="Apache-2.0"
# What installs packages into the base is not needed here.
RUN rm -rf /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/share/python-wheels \
        /usr/local/lib/python3*/site-packages/pip* /usr/lib/python3/dist-packages/pip* \
        /usr/local/bin/pip* /usr/bin/pip* \
    && mkdir -p /run/freshkey
COPY --from=build /opt/freshkey /opt/freshkey
# Whose software this is, and under which licences.
COPY --from=build /opt/share /usr/share/doc/freshkey
COPY LICENSE packaging/freshkey.cdx.json /usr/share/doc/freshkey/
ENV PATH=/opt/freshkey/bin:/usr/local/bin:/usr/bin:/bin
# Any other user works, too; none needs a home directory.
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python3", "-IS", "/opt/freshkey/healthcheck.py"]
ENTRYPOINT ["freshkey"]
CMD ["run"]
