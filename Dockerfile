# Tapescope in one container: `docker build -t tapescope .` (the README tells how to run it).
#
# Three stages: the packages, which change rarely and are all of the size; the application; what is shipped.

FROM python:3.11-slim-bookworm AS packages

# Where pip looks beside the package index. For x86-64 the index itself has PyTorch with CUDA, which is
# gigabytes larger; PyTorch's own index has the build for the CPU. Empty: do not look there.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG PIP_FIND_LINKS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
ENV PATH=/opt/tapescope/bin:$PATH
WORKDIR /build

RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/*

# All but torch by the hashes of their files. torch has none, its file differs by index; it comes last, so that all it
# needs is there. It refuses to be imported without torch_shm_manager. Without symbols it is a fifth smaller.
COPY .ci/requirements.txt ./
RUN python -m venv --without-pip /opt/tapescope \
 && pip --python /opt/tapescope/bin/python install --require-hashes --no-deps --only-binary :all: --requirement requirements.txt \
 && pip --python /opt/tapescope/bin/python install torch==2.13.0 \
 && find /opt/tapescope/lib -type d -name tests -prune -exec rm -rf {} + \
 && cd /opt/tapescope/lib/python3.11/site-packages/torch \
 && rm -rf include share test lib/libjitbackend_test.so lib/libtorchbind_test.so \
 && find bin -mindepth 1 ! -name torch_shm_manager -delete \
 && strip --strip-unneeded lib/*.so bin/torch_shm_manager

FROM packages AS application

# It runs from its folder, its version beside it: a new release is a layer of some megabytes.
WORKDIR /srv/tapescope
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY templates templates
COPY static static
RUN python -c "import setuptools; setuptools.setup()" --quiet egg_info \
 && python -m compileall -q --invalidation-mode unchecked-hash app

# What only a run would show: a package or a system library that is not there, one that misses what was taken away.
RUN python -B -c "import app.main, ctypes; ctypes.CDLL('libseccomp.so.2')" \
 && python -B -c "import torch; a = torch.ones(2, requires_grad=True); a.exp().sum().backward(); assert a.grad[0] > 2.7"

FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="Tapescope" \
      org.opencontainers.image.description="See what PyTorch autograd recorded, what shares memory with what, and what backward did with it" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/opt/tapescope/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# All addresses of the container; which ones of the host lead here is said by `docker run -p`.
ENV TAPESCOPE_HOST=0.0.0.0 TAPESCOPE_PORT=8000

COPY --from=packages /opt/tapescope /opt/tapescope
COPY --from=application /srv/tapescope /srv/tapescope
WORKDIR /srv/tapescope

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# By http.client, which minds no proxy settings.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ['TAPESCOPE_PORT']), timeout=4); server.request('GET', '/healthz'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
