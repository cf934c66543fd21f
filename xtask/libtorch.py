"""Makes a folder with the parts of libtorch for the CPU that `tch` needs, from wheels of PyPI.

python3 libtorch.py FOLDER

The wheel of torch is built for CUDA. The folder keeps its CPU libraries and the two small CUDA libraries
that these link to. For Linux on x86-64; downloads 812 MB and keeps 529 MB.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

VERSION = "2.4.0"
WHEELS = [f"torch=={VERSION}", "nvidia-cuda-cupti-cu12==12.1.105", "nvidia-cuda-runtime-cu12==12.1.105"]
LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libgomp-", "libcupti.so.12", "libcudart.so.12")
PLATFORM = ["--platform=manylinux1_x86_64", "--python-version=3.11", "--abi=cp311", "--abi=none"]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = pathlib.Path(tempfile.mkdtemp(prefix="libtorch-", dir=folder.parent))
    try:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, *PLATFORM, "-d", part / "wheels", *WHEELS], check=True)
        whole = part / "whole"
        for wheel in (part / "wheels").iterdir():
            keep(zipfile.ZipFile(wheel), whole)
        # The wheel's own libtorch.so needs all of CUDA.
        link = ["-Wl,-soname,libtorch.so", "-Wl,-rpath,$ORIGIN", "-Wl,--no-as-needed", f"-L{whole}/lib"]
        link += ["-ltorch_cpu", "-lc10", "-Wl,--allow-shlib-undefined"]
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", whole / "lib/libtorch.so", *link]
        subprocess.run(command, input=b"", check=True)
        (whole / "build-version").write_text(VERSION + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def keep(wheel, folder):
    """Copies the headers and the libraries out of a wheel."""
    for name in wheel.namelist():
        _, _, path = name.partition("torch/include/")
        library = name.rsplit("/", 1)[-1]
        if name.startswith("torch/include/") and not name.endswith("/"):
            to = folder / "include" / path
        elif "/lib/" in name and library.startswith(LIBRARIES):
            to = folder / "lib" / library
        else:
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        with wheel.open(name) as source, open(to, "wb") as target:
            shutil.copyfileobj(source, target)


main()
