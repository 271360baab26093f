#!/usr/bin/env python3
"""Reads a GPTQ checkpoint with nothing but NumPy, as docs/formats/gptq.md defines it.

    gptq_decode.py DIR                     list every quantized layer
    gptq_decode.py DIR --compare EXPORT    also compare, bit for bit, with float32 matrices (a .safetensors file or a
                                           directory of them, such as lowbit export --to safetensors or --to peft writes)
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np

TYPES = {"F32": "<f4", "F16": "<f2", "I32": "<i4"}


def safetensors(place):
    """Name -> array of every F32, F16 and I32 tensor of a file or of a directory of files."""
    tensors = {}
    for file in [place] if place.is_file() else sorted(place.glob("*.safetensors")):
        with open(file, "rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
        for name, t in header.items():
            if name != "__metadata__" and t["dtype"] in TYPES:
                raw = data[slice(*t["data_offsets"])].tobytes()
                tensors[name] = np.frombuffer(raw, TYPES[t["dtype"]]).reshape(t["shape"])
    return tensors


def fields(words, bits):
    """The b-bit values of each row of 32-bit words, lowest bits first, across the words' ends."""
    stream = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    values = stream.reshape(words.shape[0], -1, bits)
    return (values.astype(np.int32) << np.arange(bits, dtype=np.int32)).sum(axis=2)


def layer(tensors, name, bits, stores_zeros):
    """The float32 matrix, outputs x inputs: scale (code - zero) of the input's group."""
    codes = fields(tensors[name + ".qweight"].T, bits)
    zeros = fields(tensors[name + ".qzeros"], bits).T
    if not stores_zeros:
        zeros = zeros + 1
    scales = tensors[name + ".scales"].astype(np.float32).T
    group = tensors[name + ".g_idx"]
    return scales[:, group] * (codes - zeros[:, group]).astype(np.float32)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--compare", type=Path)
    options = arguments.parse_args()
    settings = json.loads((options.directory / "quantize_config.json").read_text())
    stores_zeros = settings["checkpoint_format"] == "gptq_v2"
    tensors = safetensors(options.directory)
    other = safetensors(options.compare) if options.compare else {}
    names = sorted(name[:-len(".qweight")] for name in tensors if name.endswith(".qweight"))
    different = 0
    for name in names:
        weights = layer(tensors, name, settings["bits"], stores_zeros)
        line = f"{name}  {weights.shape[0]} x {weights.shape[1]}"
        if options.compare:
            same = np.array_equal(weights.view(np.uint32), other[name + ".weight"].view(np.uint32))
            different += not same
            line += "  equal" if same else "  DIFFERENT"
        print(line)
    print(f"{len(names)} layers, {settings['bits']} bits, {different} different")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
