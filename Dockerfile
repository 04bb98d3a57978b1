# ganzoo, without CUDA's toolkit: torch's wheel has what it needs. No test builds this image.
#   docker build -t ganzoo .
#   docker run --rm -v "$PWD:/work" ganzoo train dcgan --data mnist-5k --out runs/digits
#   docker run --rm --gpus all -v "$PWD:/work" ganzoo train dcgan --data photos.zip
FROM python:3.12-slim

COPY . /ganzoo
RUN pip install --no-cache-dir '/ganzoo[demo,tensorboard]'

# Caches and the local registry live in a volume, so that they outlast a container.
ENV GANZOO_HOME=/home/ganzoo HF_HOME=/home/ganzoo/huggingface
VOLUME /home/ganzoo
WORKDIR /work
ENTRYPOINT ["ganzoo"]
