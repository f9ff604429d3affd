"""Writes a tiny llama model with random weights: enough for a real llama.cpp server to answer.

usage: make_model.py FILE
"""
import sys

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 256, 6, 4, 1024, 4096
random = np.random.default_rng(7)

bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
pieces = ["\u2581"] + [chr(code) for code in range(33, 127)] + ["\u2581the", "\u2581a", "ing", "er", "\u2581of"]
tokens = ["<unk>", "<s>", "</s>"] + bytes_ + pieces
kinds = [2, 3, 3] + [6] * len(bytes_) + [1] * len(pieces)

model = gguf.GGUFWriter(sys.argv[1], "llama")
model.add_name("tiny-random")
model.add_context_length(CONTEXT)
model.add_embedding_length(WIDTH)
model.add_block_count(LAYERS)
model.add_feed_forward_length(INNER)
model.add_head_count(HEADS)
model.add_head_count_kv(HEADS)
model.add_layer_norm_rms_eps(1e-5)
model.add_rope_dimension_count(WIDTH // HEADS)
model.add_file_type(gguf.LlamaFileType.ALL_F32)
model.add_tokenizer_model("llama")
model.add_tokenizer_pre("default")
model.add_token_list(tokens)
model.add_token_scores([0.0] * 259 + [-float(place) for place in range(len(pieces))])
model.add_token_types(kinds)
model.add_bos_token_id(1)
model.add_eos_token_id(2)
model.add_unk_token_id(0)
model.add_add_bos_token(True)
model.add_vocab_size(len(tokens))
model.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:")


def matrix(name, rows, columns):
    model.add_tensor(name, (random.standard_normal((rows, columns)) * 0.08).astype(np.float32))


def ones(name):
    model.add_tensor(name, np.ones(WIDTH, np.float32))


matrix("token_embd.weight", len(tokens), WIDTH)
matrix("output.weight", len(tokens), WIDTH)
ones("output_norm.weight")
for layer in range(LAYERS):
    prefix = f"blk.{layer}."
    ones(prefix + "attn_norm.weight")
    ones(prefix + "ffn_norm.weight")
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        matrix(f"{prefix}{name}.weight", WIDTH, WIDTH)
    matrix(prefix + "ffn_gate.weight", INNER, WIDTH)
    matrix(prefix + "ffn_up.weight", INNER, WIDTH)
    matrix(prefix + "ffn_down.weight", WIDTH, INNER)
model.write_header_to_file()
model.write_kv_data_to_file()
model.write_tensors_to_file()
model.close()
