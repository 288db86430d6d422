package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/codes"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// What asks for a text goes around raft/caller, whose attempts end after two seconds: a model may take a minute. It changes
// nothing, so that asking again, at another node, is always safe.

// SmartReply returns suggestions how the last messages of a place could be answered.
func (c *Client) SmartReply(ctx context.Context, place string, o ...Option) (r *pb.SmartReplyResponse, err error) {
	err = c.assist(ctx, o, func(ctx context.Context, s pb.AssistantServiceClient, as pb.Consistency) error {
		r, err = s.SmartReply(ctx, &pb.SmartReplyRequest{Place: place, Consistency: as})
		return err
	})
	return r, err
}

// Summarize says what the last messages of a place are about; limit is how many, and 0 is 20.
func (c *Client) Summarize(ctx context.Context, place string, limit int, o ...Option) (r *pb.SummarizeResponse, err error) {
	err = c.assist(ctx, o, func(ctx context.Context, s pb.AssistantServiceClient, as pb.Consistency) error {
		r, err = s.Summarize(ctx, &pb.SummarizeRequest{Place: place, Limit: uint32(max(0, limit)), Consistency: as})
		return err
	})
	return r, err
}

// Suggest says how a text for a place could go on.
func (c *Client) Suggest(ctx context.Context, place, text string, o ...Option) (r *pb.SuggestResponse, err error) {
	err = c.assist(ctx, o, func(ctx context.Context, s pb.AssistantServiceClient, as pb.Consistency) error {
		r, err = s.Suggest(ctx, &pb.SuggestRequest{Place: place, Text: text, Consistency: as})
		return err
	})
	return r, err
}

// AssistDocument has a document summarised, corrected or better written. It changes nothing: UpdateDocument does, with
// the version that the answer names.
func (c *Client) AssistDocument(ctx context.Context, document string, task pb.DocumentTask, o ...Option) (r *pb.AssistDocumentResponse, err error) {
	err = c.assist(ctx, o, func(ctx context.Context, s pb.AssistantServiceClient, as pb.Consistency) error {
		r, err = s.AssistDocument(ctx, &pb.AssistDocumentRequest{DocumentId: document, Task: task, Consistency: as})
		return err
	})
	return r, err
}

// Answered is told of an answer as it comes. Anew says that the pieces so far are none, and that it begins again.
type Answered func(piece string, anew bool) error

// Ask answers a question, from what was said in a place if one is named. The origin is returned when all pieces were told.
func (c *Client) Ask(ctx context.Context, question, place string, told Answered, o ...Option) (origin *pb.Origin, err error) {
	begun := false
	err = c.assist(ctx, o, func(ctx context.Context, s pb.AssistantServiceClient, as pb.Consistency) error {
		if begun {
			if err := told("", true); err != nil {
				return &stopError{err}
			}
			begun = false
		}
		stream, err := s.Ask(ctx, &pb.AskRequest{Question: question, Place: place, Consistency: as})
		for err == nil {
			var r *pb.AskResponse
			if r, err = stream.Recv(); err != nil {
				break
			}
			switch step := r.GetStep().(type) {
			case *pb.AskResponse_Piece:
				begun = true
				err = stopped(told(step.Piece, false))
			case *pb.AskResponse_Anew:
				begun = false
				err = stopped(told("", true))
			case *pb.AskResponse_Origin:
				origin = step.Origin
			}
		}
		if errors.Is(err, io.EOF) && origin != nil {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("client: the answer was cut")
		}
		return err
	})
	return origin, err
}

// stopError is an error of whoever is told.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

func stopped(err error) error {
	if err == nil {
		return nil
	}
	return &stopError{err}
}

// assist asks one node after another until one answers or refuses for good. A text that goes to an external backend the leader
// alone asks for, and others name him.
func (c *Client) assist(parent context.Context, options []Option, do func(context.Context, pb.AssistantServiceClient, pb.Consistency) error) error {
	h, err := howOf(options)
	if err != nil {
		return err
	}
	as := pb.Consistency_CONSISTENCY_LINEARIZABLE
	if h.stale {
		as = pb.Consistency_CONSISTENCY_STALE
	}
	calls, hint := c.current(), ""
	if *calls.token.Load() == "" {
		return nobody()
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer context.AfterFunc(calls.ctx, func() { cancel(errOtherLogin) })()
	var last error
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil && connected(ctx, conn) {
			err := do(calls.as(ctx), pb.NewAssistantServiceClient(conn), as)
			if err == nil {
				return nil
			}
			if stop := new(stopError); errors.As(err, &stop) {
				return stop.err
			}
			f := convert.ParseError(err)
			if final(f) || f.Reason == reasonRateLimited || f.Status == codes.Unimplemented {
				return failed(err)
			}
			last, hint = err, f.LeaderAddr
		}
		if pause(ctx, readyEvery) != nil {
			break
		}
	}
	switch {
	case parent.Err() == nil:
		return errOtherLogin
	case errors.Is(parent.Err(), context.Canceled):
		return context.Cause(parent)
	case last != nil && convert.ParseError(last).Reason != "" && convert.ParseError(last).Code != node.CodeNone:
		return failed(last)
	}
	return unavailable("no node of %v answered in time", c.addrs)
}

// GetAssistance says which models may read what is written somewhere: in a place, in a document, or, with nothing
// named, in the cluster.
func (c *Client) GetAssistance(ctx context.Context, of string, o ...Option) (*pb.GetAssistanceResponse, error) {
	return query(ctx, c, pb.AssistantService_GetAssistance_FullMethodName, &pb.GetAssistanceRequest{Of: of}, &pb.GetAssistanceResponse{}, o)
}

// SetExternal says whether what is written in a place or a document may go to an external backend.
func (c *Client) SetExternal(ctx context.Context, of string, on bool, o ...Option) (*pb.SetExternalResponse, error) {
	return command(ctx, c, pb.AssistantService_SetExternal_FullMethodName, &pb.SetExternalRequest{Of: of, On: on}, &pb.SetExternalResponse{}, o)
}

// NameBackend names the external backend that texts may go to; empty: none.
func (c *Client) NameBackend(ctx context.Context, backend string, o ...Option) (*pb.NameBackendResponse, error) {
	return command(ctx, c, pb.AssistantService_NameBackend_FullMethodName, &pb.NameBackendRequest{Backend: backend}, &pb.NameBackendResponse{}, o)
}
