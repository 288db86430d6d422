package peer

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// passCodec hands bytes to gRPC as they are. It is forced on the peers' own server
// and streams and never registered.
type passCodec struct{}

// outgoing is a frame on its way out; its memory goes back to the pool when
// gRPC has written it.
type outgoing struct{ bytes *[]byte }

// incoming is a frame that arrived, in memory of its own.
type incoming struct{ bytes []byte }

var framePool = mem.DefaultBufferPool()

// Marshal passes an outgoing frame.
func (passCodec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(outgoing)
	if !ok {
		return nil, fmt.Errorf("peer: can't send a %T", v)
	}
	return mem.BufferSlice{mem.NewBuffer(f.bytes, framePool)}, nil
}

// Unmarshal copies a frame: gRPC takes its buffers back when this returns, and
// the entries' payloads live as long as the log.
func (passCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*incoming)
	if !ok {
		return fmt.Errorf("peer: can't receive into a %T", v)
	}
	f.bytes = data.Materialize()
	return nil
}

// Name is part of the content type.
func (passCodec) Name() string { return "parley-peer" }
