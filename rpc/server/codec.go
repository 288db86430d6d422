package server

import (
	"bytes"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that this one is around
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"parley/rpc/convert"
)

// codec is protobuf's, but that a request which is none does not fail as an error of the server: it comes as an empty one
// with a mark, and the interceptors refuse it in the words of any other bad request. Text that is not UTF-8 is among
// them.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// unreadable is the mark: an unknown field that says so. Whoever sends it is answered the same.
var unreadable = []byte("\xfa\xff\xff\xff\x0f\x00")

// Unmarshal reads a request.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	err := c.CodecV2.Unmarshal(data, v)
	if m, ok := v.(proto.Message); ok && err != nil {
		proto.Reset(m)
		m.ProtoReflect().SetUnknown(unreadable)
		return nil
	}
	return err
}

// encoded is a response that is bytes already, in parts that other streams may be sending as well.
type encoded [][]byte

// Marshal writes a response.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	parts, ok := v.(encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	out := make(mem.BufferSlice, len(parts))
	for i, b := range parts {
		out[i] = mem.SliceBuffer(b)
	}
	return out, nil
}

// readable refuses a request that was none.
func readable(v any) error {
	if m, ok := v.(proto.Message); ok && bytes.Equal(m.ProtoReflect().GetUnknown(), unreadable) {
		return convert.RequestError("The request can't be read: it is no protobuf of this method's, or has text that is not UTF-8.")
	}
	return nil
}

// readingStream refuses what was no request.
type readingStream struct{ grpc.ServerStream }

func (s readingStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return readable(m)
}
