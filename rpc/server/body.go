package server

import (
	"bytes"
	"sync"

	"parley/statemachine"
	"parley/statemachine/state"
)

// scratches are where bodies are written, since how long one will be is not known before: the log keeps what it is handed
// for long, and gets memory of just that size.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// scratchMax bounds what a scratch keeps: a document's megabyte is rare.
const scratchMax = 64 << 10

// commandBody returns the bytes of a command.
func commandBody(h state.Head, c state.Command) []byte {
	scratch := scratches.Get().(*[]byte)
	b := statemachine.AppendCommand((*scratch)[:0], h, c)
	return kept(scratch, b)
}

// queryBody returns the bytes of a query.
func queryBody(h state.Head, q state.Query) []byte {
	scratch := scratches.Get().(*[]byte)
	b := statemachine.AppendQuery((*scratch)[:0], h, q)
	return kept(scratch, b)
}

// kept copies what was written, and gives the scratch back.
func kept(scratch *[]byte, b []byte) []byte {
	body := bytes.Clone(b)
	if cap(b) <= scratchMax {
		*scratch = b
		scratches.Put(scratch)
	}
	return body
}
