# Two images:
#
#     docker build --target small  --tag torch2caffe2:small .     the program and OpenCV
#     docker build --target judges --tag torch2caffe2 .           ... and a real Caffe 1.0 and Caffe2 1.0.1
#
# A run works as whoever starts it, on the folder that is mounted at /work; artifacts are kept in the volume /store.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY torch2caffe2 torch2caffe2
COPY configs configs
COPY tests/data tests/data
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.11-slim-bookworm AS small
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-cache-dir uv==0.13.9 \
 && uv pip install --system --no-cache --torch-backend cpu "$(ls /wheel/*.whl)[opencv]" \
 && pip uninstall --yes uv \
 && mkdir --mode=1777 /store
ENV TORCH2CAFFE2_STORE=/store XDG_DATA_HOME=/usr/local/share
WORKDIR /work
USER 65534
ENTRYPOINT ["torch2caffe2"]

# PyPI holds Caffe and Caffe2 for old Pythons only; this one lies beside the other, in files of other names.
FROM python:3.7-slim-bookworm AS old
FROM small AS judges
COPY --from=old /usr/local/bin/python3.7 /usr/local/bin/python3.7
COPY --from=old /usr/local/lib/python3.7 /usr/local/lib/python3.7
COPY --from=old /usr/local/lib/libpython3.7m.so.1.0 /usr/local/lib/libpython3.7m.so.1.0
USER 0
RUN ldconfig && torch2caffe2 runtimes install caffe==1.0.0 caffe2==1.0.1
USER 65534
