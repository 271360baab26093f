#!/usr/bin/env python3
"""Reads a model in the GPTQ exchange layout with nothing but NumPy, as docs/formats/gptq.md defines it.

    gptq_decode.py DIR                      list every layer
    gptq_decode.py DIR --compare EXPORT     also compare with the same weights in float32, bit for bit
    gptq_decode.py DIR --npz FILE           also write every dequantized matrix, float32, outputs x inputs
"""

import argparse
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

TYPES = {"F32": "<f4", "F16": "<f2", "I32": "<i4"}


def safetensors(directory):
    """Name -> (type, shape, raw bytes) of all files of a directory."""
    tensors = {}
    for file in sorted(directory.glob("*.safetensors")):
        with open(file, "rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
        tensors |= {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])])
                    for name, t in header.items() if name != "__metadata__"}
    return tensors


def array(tensor):
    dtype, shape, raw = tensor
    return np.frombuffer(raw.tobytes(), TYPES[dtype]).reshape(shape)


def configuration(directory):
    """The quantization_config of config.json counts, and quantize_config.json where there is none."""
    config = directory / "config.json"
    block = json.loads(config.read_text()).get("quantization_config") if config.exists() else None
    return block or json.loads((directory / "quantize_config.json").read_text())


def fields(words, bits):
    """Unsigned numbers of so many bits out of words that follow each other along the first axis, lowest bits first."""
    stream = (words.view(np.uint32)[:, None, :] >> np.arange(32, dtype=np.uint32)[None, :, None]) & 1
    stream = stream.reshape(-1, bits, words.shape[1])
    return (stream << np.arange(bits, dtype=np.uint32)[None, :, None]).sum(axis=1).astype(np.int32)


def dequantize(tensors, layer, config):
    """Outputs x inputs."""
    bits = config["bits"]
    codes = fields(array(tensors[layer + ".qweight"]), bits)
    zeros = fields(np.ascontiguousarray(array(tensors[layer + ".qzeros"]).T), bits).T
    if config.get("checkpoint_format", "gptq") == "gptq":
        zeros = zeros + 1
    scales = array(tensors[layer + ".scales"]).astype(np.float32)
    group = array(tensors[layer + ".g_idx"])
    return (scales[group] * (codes - zeros[group]).astype(np.float32)).T


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--compare", type=Path)
    arguments.add_argument("--npz", type=Path)
    options = arguments.parse_args()
    config = configuration(options.directory)
    tensors = safetensors(options.directory)
    others = safetensors(options.compare) if options.compare else {}
    layers = [name[:-len(".qweight")] for name in sorted(tensors) if name.endswith(".qweight")]
    decoded, bad = {}, 0
    for layer in layers:
        weights = dequantize(tensors, layer, config)
        line = f"{layer}  {weights.shape[0]} x {weights.shape[1]}  {config['bits']} bits"
        if options.compare:
            other = array(others[layer + ".weight"])
            # GPT-2 stores these as inputs x outputs
            other = other.T if re.search(r"\.(c_attn|c_proj|c_fc)$", layer) else other
            same = other.shape == weights.shape and np.array_equal(
                np.ascontiguousarray(weights).view(np.uint32), np.ascontiguousarray(other).view(np.uint32))
            bad += not same
            line += "  same" if same else "  BAD"
        print(line)
        decoded[layer + ".weight"] = weights
    if options.npz:
        np.savez(options.npz, **decoded)
    print(f"{len(layers)} layers, {bad} bad")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
