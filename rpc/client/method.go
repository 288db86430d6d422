package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"parley/raft"
	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// Every method of the client is one of three: a command, a command of nobody, or a query. The machine in raft/caller
// sees bodies and replies as bytes. A body is
//
//	u8 flags | u8 n | n bytes: the method's full name | the request, without its CommandContext
//
// so that a repetition is the same bytes. Which CommandContext it carries is the caller's to say: it is put behind the request
// when it is sent (wire.go), since two protobuf messages one behind the other are both in one.

// bodyAnonymous is the flag of what is sent without a token.
const bodyAnonymous = 1

// command carries out what changes something, once.
func command[A proto.Message](ctx context.Context, c *Client, method string, request proto.Message, answer A, options []Option) (A, error) {
	return perform(ctx, c, operation{method: method, request: request}, answer, options)
}

// anonymous is command for what needs no login. It carries a request id, since nobody has no session of his own.
func anonymous[A proto.Message](ctx context.Context, c *Client, method string, request proto.Message, answer A, options []Option) (A, error) {
	return perform(ctx, c, operation{method: method, request: request, anonymous: true}, answer, options)
}

// query carries out what changes nothing.
func query[A proto.Message](ctx context.Context, c *Client, method string, request proto.Message, answer A, options []Option) (A, error) {
	return perform(ctx, c, operation{method: method, request: request, query: true}, answer, options)
}

// operation is what is to be done.
type operation struct {
	method    string
	request   proto.Message
	anonymous bool
	query     bool
	span      uint64 // numbers of the session; 0 is 1

	// Filled in by perform.
	body        []byte
	consistency node.Consistency
	requestID   string // of a one-shot command; empty: it is sent in the client's session
}

func perform[A proto.Message](ctx context.Context, c *Client, o operation, answer A, options []Option) (none A, err error) {
	h, err := howOf(options)
	if err != nil {
		return none, err
	}
	if o.requestID = h.requestID; o.anonymous && o.requestID == "" {
		o.requestID = rand.Text()
	}
	if o.query {
		o.requestID, o.consistency = "", consistencyOf(o.request, h.stale)
	}
	if o.body, err = encodeBody(&o); err != nil {
		return none, err
	}
	if h.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.within)
		defer cancel()
	}
	if err := c.current().do(ctx, o, answer); err != nil {
		return none, err
	}
	if at, ok := proto.Message(answer).(interface{ GetPosition() uint64 }); ok && o.query && h.seen != nil {
		h.seen(raft.Position(at.GetPosition()))
	}
	return answer, nil
}

// encodeBody makes a caller's body of a request.
func encodeBody(o *operation) ([]byte, error) {
	flags := byte(0)
	if o.anonymous {
		flags = bodyAnonymous
	}
	body := append([]byte{flags, byte(len(o.method))}, o.method...)
	head := len(body)
	body, err := proto.MarshalOptions{}.MarshalAppend(body, o.request)
	if err != nil {
		field := notUTF8(o.request.ProtoReflect())
		return nil, &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "NOT_UTF8", Field: field,
			Text: fmt.Sprintf("What is written for %s is not UTF-8.", field)}
	}
	if len(body)-head > requestBytesMax {
		return nil, &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "TOO_LARGE",
			Text: fmt.Sprintf("The request is larger than %d bytes.", requestBytesMax)}
	}
	if field := o.request.ProtoReflect().Descriptor().Fields().ByName("consistency"); field != nil && o.consistency == node.Stale {
		body = protowire.AppendTag(body, field.Number(), protowire.VarintType)
		body = protowire.AppendVarint(body, uint64(pb.Consistency_CONSISTENCY_STALE)) // the last one counts
	}
	return body, nil
}

// consistencyOf is how fresh a request wants its answer.
func consistencyOf(request proto.Message, stale bool) node.Consistency {
	r, ok := request.(interface{ GetConsistency() pb.Consistency })
	if stale || ok && r.GetConsistency() == pb.Consistency_CONSISTENCY_STALE {
		return node.Stale
	}
	return node.Linearizable
}

// notUTF8 names the first field with text that can't be sent.
func notUTF8(m protoreflect.Message) (path string) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := 0; i < v.List().Len() && path == ""; i++ {
				if inner := notUTF8(v.List().Get(i).Message()); inner != "" {
					path = fmt.Sprintf("%s[%d].%s", f.Name(), i, inner)
				}
			}
		case f.Message() != nil:
			if inner := notUTF8(v.Message()); inner != "" {
				path = string(f.Name()) + "." + inner
			}
		case f.Kind() == protoreflect.StringKind && !f.IsList() && !utf8.ValidString(v.String()):
			path = string(f.Name())
		}
		return path == ""
	})
	return path
}
