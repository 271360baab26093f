#!/usr/bin/env python3
"""Reads a model in the exchange layout of AQLM with nothing but NumPy, as docs/formats/aqlm.md defines it.

    aqlm_decode.py DIR                      list every layer
    aqlm_decode.py DIR --compare EXPORT     also compare with the same weights in float32, bit for bit
    aqlm_decode.py DIR --npz FILE           also write every dequantized matrix, float32, outputs x inputs
"""

import argparse
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

TYPES = {"F32": "<f4", "F16": "<f2", "I8": "<i1", "I16": "<i2"}


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


def dequantize(tensors, layer, config):
    """Outputs x inputs."""
    codes = array(tensors[layer + ".codes"]).astype(np.int64) % 2 ** config["nbits_per_codebook"]
    codebooks = array(tensors[layer + ".codebooks"]).astype(np.float32)
    scales = array(tensors[layer + ".scales"]).astype(np.float32)
    tiles = codebooks[0][codes[..., 0]]
    for book in range(1, config["num_codebooks"]):
        tiles = tiles + codebooks[book][codes[..., book]]
    tiles = scales * tiles
    tile_rows, tile_columns, out_group, in_group = tiles.shape
    return tiles.transpose(0, 2, 1, 3).reshape(tile_rows * out_group, tile_columns * in_group)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--compare", type=Path)
    arguments.add_argument("--npz", type=Path)
    options = arguments.parse_args()
    config = json.loads((options.directory / "config.json").read_text())["quantization_config"]
    tensors = safetensors(options.directory)
    others = safetensors(options.compare) if options.compare else {}
    layers = [name[:-len(".codes")] for name in sorted(tensors) if name.endswith(".codes")]
    decoded, bad = {}, 0
    for layer in layers:
        weights = dequantize(tensors, layer, config)
        line = (f"{layer}  {weights.shape[0]} x {weights.shape[1]}"
                f"  {config['num_codebooks']}x{config['nbits_per_codebook']}")
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
