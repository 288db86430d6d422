// Package gguftest writes model files that are as small as llama.cpp takes them. They say nothing sensible, but all of what
// runs a real model runs.
//
// Reference: the GGUF format, version 3: a magic, a version, counts, then keys with values, then what the tensors
// are called and where they lie, then their bytes.
package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// The shape of the model.
const (
	width   = 32
	heads   = 2
	hidden  = 64
	context = 16384
)

// Template is ChatML's, which llama.cpp knows.
const Template = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

// Types of values and tokens.
const (
	typeUint32  = 4
	typeInt32   = 5
	typeFloat32 = 6
	typeString  = 8
	typeArray   = 9

	tokenNormal  = 1
	tokenUnknown = 2
	tokenControl = 3
	tokenByte    = 6
)

// A token of the vocabulary.
type token struct {
	text string
	kind int32
}

// vocabulary has the marks, all bytes, and some words to say.
func vocabulary() []token {
	list := []token{{"<unk>", tokenUnknown}, {"<s>", tokenControl}, {"</s>", tokenControl}, {"<|im_start|>", tokenControl}, {"<|im_end|>", tokenControl}}
	for b := range 256 {
		list = append(list, token{fmt.Sprintf("<0x%02X>", b), tokenByte})
	}
	for _, w := range []string{"the", "build", "is", "red", "grün", "世界", "we", "should", "wait", "for", "a", "review", "and", "then", "ship", "it"} {
		list = append(list, token{"\u2581" + w, tokenNormal})
	}
	return list
}

type tensor struct {
	name  string
	shape []uint64
	data  []float32
}

// Model returns a file.
func Model() []byte {
	vocab := vocabulary()
	n := uint64(len(vocab))
	seed := uint64(1)
	random := func(count uint64) []float32 {
		data := make([]float32, count)
		for i := range data {
			seed = seed*6364136223846793005 + 1442695040888963407
			data[i] = float32(int32(seed>>33)-1<<30) / (1 << 31)
		}
		return data
	}
	ones := func(count uint64) []float32 {
		data := make([]float32, count)
		for i := range data {
			data[i] = 1
		}
		return data
	}
	matrix := func(name string, in, out uint64) tensor { return tensor{name, []uint64{in, out}, random(in * out)} }
	vector := func(name string) tensor { return tensor{name, []uint64{width}, ones(width)} }
	output := matrix("output.weight", width, n)
	for i, t := range vocab { // it says words, and never the end
		if t.kind != tokenNormal {
			clear(output.data[i*width : (i+1)*width])
		}
	}
	tensors := []tensor{
		matrix("token_embd.weight", width, n), vector("output_norm.weight"), output,
		vector("blk.0.attn_norm.weight"), matrix("blk.0.attn_q.weight", width, width), matrix("blk.0.attn_k.weight", width, width),
		matrix("blk.0.attn_v.weight", width, width), matrix("blk.0.attn_output.weight", width, width),
		vector("blk.0.ffn_norm.weight"), matrix("blk.0.ffn_gate.weight", width, hidden), matrix("blk.0.ffn_up.weight", width, hidden), matrix("blk.0.ffn_down.weight", hidden, width),
	}
	w := &writer{}
	keys := &writer{}
	count := writeKeys(keys, vocab)
	w.bytes([]byte("GGUF"))
	w.number(uint32(3))
	w.number(uint64(len(tensors)))
	w.number(uint64(count))
	w.bytes(keys.Bytes())
	offset := uint64(0)
	for _, t := range tensors {
		w.string(t.name)
		w.number(uint32(len(t.shape)))
		for _, d := range t.shape {
			w.number(d)
		}
		w.number(uint32(0)) // F32
		w.number(offset)
		offset = align(offset + uint64(len(t.data))*4)
	}
	for _, t := range tensors {
		w.pad()
		for _, f := range t.data {
			w.number(math.Float32bits(f))
		}
	}
	w.pad()
	return w.Bytes()
}

// writeKeys writes what llama.cpp wants to know of a model of the kind "llama".
func writeKeys(w *writer, vocab []token) (count int) {
	key := func(name string, kind uint32, value any) {
		w.string(name)
		w.number(kind)
		if s, ok := value.(string); ok {
			w.string(s)
		} else {
			w.number(value)
		}
		count++
	}
	array := func(name string, kind uint32, value func(t token)) {
		w.string(name)
		w.number(uint32(typeArray))
		w.number(kind)
		w.number(uint64(len(vocab)))
		for _, t := range vocab {
			value(t)
		}
		count++
	}
	key("general.architecture", typeString, "llama")
	key("general.name", typeString, "tiny")
	key("llama.context_length", typeUint32, uint32(context))
	key("llama.embedding_length", typeUint32, uint32(width))
	key("llama.block_count", typeUint32, uint32(1))
	key("llama.feed_forward_length", typeUint32, uint32(hidden))
	key("llama.attention.head_count", typeUint32, uint32(heads))
	key("llama.attention.head_count_kv", typeUint32, uint32(heads))
	key("llama.rope.dimension_count", typeUint32, uint32(width/heads))
	key("llama.attention.layer_norm_rms_epsilon", typeFloat32, float32(1e-5))
	key("tokenizer.ggml.model", typeString, "llama")
	array("tokenizer.ggml.tokens", typeString, func(t token) { w.string(t.text) })
	array("tokenizer.ggml.scores", typeFloat32, func(t token) { w.number(float32(0)) })
	array("tokenizer.ggml.token_type", typeInt32, func(t token) { w.number(t.kind) })
	key("tokenizer.ggml.bos_token_id", typeUint32, uint32(1))
	key("tokenizer.ggml.eos_token_id", typeUint32, uint32(2))
	key("tokenizer.ggml.unknown_token_id", typeUint32, uint32(0))
	key("tokenizer.chat_template", typeString, Template)
	return count
}

// A writer writes little-endian numbers, and strings behind their lengths.
type writer struct{ bytes.Buffer }

func (w *writer) bytes(b []byte) { w.Write(b) }

func (w *writer) number(v any) { _ = binary.Write(w, binary.LittleEndian, v) } // into memory: never fails

func (w *writer) string(s string) {
	w.number(uint64(len(s)))
	w.bytes([]byte(s))
}

func (w *writer) pad() { w.Write(make([]byte, align(uint64(w.Len()))-uint64(w.Len()))) }

// align is where the next tensor may begin.
func align(n uint64) uint64 { return (n + 31) / 32 * 32 }
