package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"parley/llm"
	"parley/llm/prompt"
	pb "parley/rpc/proto/parley/v1"
)

// kinds are the kinds of tasks on both sides.
var kinds = map[pb.TaskKind]prompt.Kind{
	pb.TaskKind_TASK_KIND_REPLY:            prompt.Reply,
	pb.TaskKind_TASK_KIND_SUMMARIZE:        prompt.Summarize,
	pb.TaskKind_TASK_KIND_COMPLETE:         prompt.Complete,
	pb.TaskKind_TASK_KIND_ASK:              prompt.Ask,
	pb.TaskKind_TASK_KIND_GRAMMAR:          prompt.Grammar,
	pb.TaskKind_TASK_KIND_ENHANCE:          prompt.Enhance,
	pb.TaskKind_TASK_KIND_DOCUMENT_SUMMARY: prompt.DocumentSummary,
}

// failures are the failures on both sides, with the code of a call that ends with them.
var failures = map[llm.Failure]struct {
	failure pb.ModelFailure
	code    codes.Code
}{
	llm.RateLimited:   {pb.ModelFailure_MODEL_FAILURE_RATE_LIMITED, codes.ResourceExhausted},
	llm.Unavailable:   {pb.ModelFailure_MODEL_FAILURE_UNAVAILABLE, codes.Unavailable},
	llm.Refused:       {pb.ModelFailure_MODEL_FAILURE_REFUSED, codes.FailedPrecondition},
	llm.Malformed:     {pb.ModelFailure_MODEL_FAILURE_MALFORMED, codes.Internal},
	llm.TooLarge:      {pb.ModelFailure_MODEL_FAILURE_TOO_LARGE, codes.InvalidArgument},
	llm.Invalid:       {pb.ModelFailure_MODEL_FAILURE_INVALID, codes.InvalidArgument},
	llm.Misconfigured: {pb.ModelFailure_MODEL_FAILURE_MISCONFIGURED, codes.FailedPrecondition},
	llm.External:      {pb.ModelFailure_MODEL_FAILURE_EXTERNAL, codes.FailedPrecondition},
}

// numberMax is more than any number of a request may be, and fits an int everywhere.
const numberMax = 1 << 30

// toRequest reads a request. What makes no sense in it is found by llm.Check.
func toRequest(r *pb.GenerateRequest) llm.Request {
	number := func(n uint32) int { return int(min(n, numberMax)) }
	t, p := r.GetTask(), r.GetPrompt()
	req := llm.Request{
		Task: prompt.Task{
			Kind: kinds[t.GetKind()], Text: t.GetText(), Count: number(t.GetCount()), Topics: number(t.GetTopics()),
			Words: number(t.GetWordsMax()), Runes: number(t.GetCharactersMax()),
		},
		Prompt: prompt.Prompt{Instruction: p.GetInstruction(), Fence: p.GetFence()},
		Limits: llm.Limits{Tokens: number(r.GetLimits().GetTokensMax()), Bytes: number(r.GetLimits().GetBytesMax())},
	}
	for _, m := range t.GetMessages() {
		req.Task.Messages = append(req.Task.Messages, prompt.Message{Speaker: m.GetSpeaker(), Text: m.GetText()})
	}
	for _, d := range p.GetData() {
		req.Prompt.Data = append(req.Prompt.Data, prompt.Data{Label: d.GetLabel(), Text: d.GetText()})
	}
	return req
}

// fromResult makes the end of a stream.
func fromResult(source string, r llm.Result) *pb.Final {
	finish := pb.FinishReason_FINISH_REASON_STOP
	if r.Finish == llm.Length {
		finish = pb.FinishReason_FINISH_REASON_LENGTH
	}
	return &pb.Final{Source: source, Model: r.Model, Finish: finish, Usage: &pb.Usage{
		InputTokens: uint32(max(r.Usage.InputTokens, 0)), OutputTokens: uint32(max(r.Usage.OutputTokens, 0)), Estimated: r.Usage.Estimated,
	}}
}

// toStatus makes the status of a call that ends with an error.
func toStatus(err error) error {
	e, ok := errors.AsType[*llm.Error](err)
	f, known := failures[llm.FailureOf(err)]
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the text was not ready in time")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was cancelled")
	case !ok || !known:
		if _, isStatus := status.FromError(err); isStatus {
			return err // of the stream to the caller
		}
		return status.Error(codes.Internal, "the backend failed in a way that is not known")
	}
	detail := &pb.ModelError{Failure: f.failure}
	if e.RetryAfter > 0 {
		detail.RetryAfter = durationpb.New(e.RetryAfter)
	}
	s, err := status.New(f.code, e.Text).WithDetails(detail)
	if err != nil {
		return status.Error(f.code, e.Text)
	}
	return s.Err()
}
