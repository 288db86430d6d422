package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"parley/llm/prompt"
	"parley/raft"
	"parley/rpc/answer"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/assist"
	"parley/statemachine/state"
)

// assistant serves AssistantService. What a model is to read is read by a query, in the view in which it is
// seen whether the caller may; the text is made off the node's loop, by package answer, and nothing is held meanwhile.
type assistant struct {
	pb.UnimplementedAssistantServiceServer
	*edge
	maker *answer.Maker
}

// How many messages a text is made of.
const (
	replyMessages    = 5
	summaryMessages  = 20
	summaryMin       = 5
	summaryMax       = 100
	suggestMessages  = 50
	askMessages      = 100
	questionBytesMax = 4000
)

func (s *assistant) SmartReply(ctx context.Context, r *pb.SmartReplyRequest) (*pb.SmartReplyResponse, error) {
	j, at, err := s.talk(ctx, r.GetConsistency(), prompt.Reply, r.GetPlace(), replyMessages)
	if err != nil {
		return nil, err
	}
	var list []string
	made, err := s.text(ctx, j, func(text string) (err error) {
		list, err = prompt.Replies(j.Task, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &pb.SmartReplyResponse{Suggestions: list, Origin: origin(made), Position: uint64(at)}, nil
}

func (s *assistant) Summarize(ctx context.Context, r *pb.SummarizeRequest) (*pb.SummarizeResponse, error) {
	limit := int(r.GetLimit())
	if limit == 0 {
		limit = summaryMessages
	}
	if limit < summaryMin || limit > summaryMax {
		return nil, fieldError("limit", "A summary is of "+strconv.Itoa(summaryMin)+" to "+strconv.Itoa(summaryMax)+" messages.")
	}
	j, at, err := s.talk(ctx, r.GetConsistency(), prompt.Summarize, r.GetPlace(), limit)
	if err != nil {
		return nil, err
	}
	var line string
	var points []string
	made, err := s.text(ctx, j, func(text string) (err error) {
		line, points, err = prompt.Summary(j.Task, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &pb.SummarizeResponse{Summary: line, KeyPoints: points, Origin: origin(made), Position: uint64(at)}, nil
}

func (s *assistant) Suggest(ctx context.Context, r *pb.SuggestRequest) (*pb.SuggestResponse, error) {
	if err := checkAsked("text", "A text to go on from", r.GetText()); err != nil {
		return nil, err
	}
	j, at, err := s.talk(ctx, r.GetConsistency(), prompt.Complete, r.GetPlace(), suggestMessages)
	if err != nil {
		return nil, err
	}
	j.Task.Text = r.GetText()
	var texts, topics []string
	made, err := s.text(ctx, j, func(text string) (err error) {
		texts, topics, err = prompt.Completions(j.Task, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &pb.SuggestResponse{Completions: texts, Topics: topics, Origin: origin(made), Position: uint64(at)}, nil
}

// checkAsked refuses what nobody asks.
func checkAsked(field, what, text string) error {
	switch {
	case text == "":
		return convert.RejectionError(state.Invalidf(field, "EMPTY", "%s is not empty.", what))
	case len(text) > questionBytesMax:
		return convert.RejectionError(state.Invalidf(field, "TOO_LONG", "%s has at most %d bytes.", what, questionBytesMax))
	}
	return nil
}

func (s *assistant) Ask(r *pb.AskRequest, out grpc.ServerStreamingServer[pb.AskResponse]) error {
	ctx := out.Context()
	if err := checkAsked("question", "A question", r.GetQuestion()); err != nil {
		return err
	}
	j, at, err := s.talk(ctx, r.GetConsistency(), prompt.Ask, r.GetPlace(), askMessages)
	if err != nil {
		return err
	}
	if err := out.Send(&pb.AskResponse{Step: &pb.AskResponse_Header{Header: &pb.AskHeader{Position: uint64(at)}}}); err != nil {
		return err
	}
	j.Task.Text = r.GetQuestion()
	var mend prompt.Mender
	piece := func(text string) error {
		if text == "" {
			return nil
		}
		return out.Send(&pb.AskResponse{Step: &pb.AskResponse_Piece{Piece: text}})
	}
	j.Emit = func(text string) error { return piece(mend.Write(text)) }
	j.Anew = func() error {
		mend = prompt.Mender{}
		return out.Send(&pb.AskResponse{Step: &pb.AskResponse_Anew{Anew: true}})
	}
	made, err := s.text(ctx, j, func(text string) error {
		_, err := prompt.Text(j.Task, text)
		return err
	})
	if err == nil {
		err = piece(mend.Flush())
	}
	if err != nil {
		return err
	}
	return out.Send(&pb.AskResponse{Step: &pb.AskResponse_Origin{Origin: origin(made)}})
}

// documentKinds are the tasks that the wire has for documents.
var documentKinds = map[pb.DocumentTask]prompt.Kind{
	pb.DocumentTask_DOCUMENT_TASK_SUMMARIZE: prompt.DocumentSummary,
	pb.DocumentTask_DOCUMENT_TASK_GRAMMAR:   prompt.Grammar,
	pb.DocumentTask_DOCUMENT_TASK_ENHANCE:   prompt.Enhance,
}

func (s *assistant) AssistDocument(ctx context.Context, r *pb.AssistDocumentRequest) (*pb.AssistDocumentResponse, error) {
	kind, ok := documentKinds[r.GetTask()]
	if !ok {
		return nil, fieldError("task", "A document is summarised, corrected or enhanced.")
	}
	var p assist.Paper
	at, err := s.askLong(ctx, r.GetConsistency(), &assist.Draft{ID: r.GetDocumentId()}, &p)
	if err != nil {
		return nil, err
	}
	j := &answer.Job{Task: prompt.New(kind), External: p.External}
	j.Task.Text = string(p.Content)
	j.Consult = s.consult(&assist.Consult{Doc: r.GetDocumentId(), Task: kind.String()})
	resp := &pb.AssistDocumentResponse{Version: p.Version, Position: uint64(at)}
	made, err := s.text(ctx, j, func(text string) (err error) {
		resp.Text, err = documentText(j.Task, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp.Origin = origin(made)
	return resp, nil
}

// documentText reads what a model made of a document.
func documentText(t prompt.Task, text string) (string, error) {
	if t.Kind != prompt.DocumentSummary {
		if t.Text == "" {
			return "", nil // of nothing comes nothing
		}
		return prompt.Text(t, text)
	}
	points, err := prompt.Points(t, text)
	all := ""
	for _, p := range points {
		all += "- " + p + "\n"
	}
	return all, err
}

// talk reads the last messages of a place, as a task for a model.
func (s *assistant) talk(ctx context.Context, c pb.Consistency, kind prompt.Kind, place string, limit int) (*answer.Job, raft.Position, error) {
	if place == "" && kind != prompt.Ask {
		return nil, 0, convert.RejectionError(state.RefusePlace(place))
	}
	var said assist.Reading
	at, err := s.query(ctx, c, &assist.Talk{Place: place, Limit: uint64(limit)}, &said, limit > shortPage)
	if err != nil {
		return nil, 0, err
	}
	j := &answer.Job{Task: prompt.New(kind), External: said.External}
	for _, m := range said.Said {
		j.Task.Messages = append(j.Task.Messages, prompt.Message{Speaker: m.Speaker, Text: m.Text})
	}
	j.Consult = s.consult(&assist.Consult{Place: place, Task: kind.String()})
	return j, at, nil
}

// consult writes down that an external backend is going to get something.
func (s *assistant) consult(c *assist.Consult) func(context.Context, string, int) error {
	return func(ctx context.Context, backend string, bytes int) error {
		k := *c
		k.Backend, k.Bytes = backend, uint64(bytes)
		_, err := s.propose(ctx, s.own(), &k, &assist.Done{})
		if convert.ParseError(err).Reason == "EXTERNAL_OFF" {
			return answer.ErrStays
		}
		return err
	}
}

// text has a text made.
func (s *assistant) text(ctx context.Context, j *answer.Job, read func(text string) error) (answer.Made, error) {
	j.Read = read
	made, err := s.maker.Make(ctx, j)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return made, convert.ContextError(err)
	}
	return made, err
}

func origin(m answer.Made) *pb.Origin {
	return &pb.Origin{Source: m.Source, Model: m.Model, Note: m.Note}
}

func (s *assistant) GetAssistance(ctx context.Context, r *pb.GetAssistanceRequest) (*pb.GetAssistanceResponse, error) {
	var rules assist.Rules
	at, err := s.ask(ctx, r.GetConsistency(), &assist.Policy{Of: r.GetOf()}, &rules)
	if err != nil {
		return nil, err
	}
	return &pb.GetAssistanceResponse{Assistance: convert.Assistance(&rules), Position: uint64(at)}, nil
}

func (s *assistant) SetExternal(ctx context.Context, r *pb.SetExternalRequest) (*pb.SetExternalResponse, error) {
	var rules assist.Rules
	at, err := s.propose(ctx, r.GetCommand(), &assist.SetExternal{Of: r.GetOf(), On: r.GetOn()}, &rules)
	if err != nil {
		return nil, err
	}
	return &pb.SetExternalResponse{Assistance: convert.Assistance(&rules), Position: uint64(at)}, nil
}

func (s *assistant) NameBackend(ctx context.Context, r *pb.NameBackendRequest) (*pb.NameBackendResponse, error) {
	if name := r.GetBackend(); name != "" && !slices.Contains(answer.External, name) {
		// The log holds other names, of releases that did not look.
		return nil, fieldError("backend", fmt.Sprintf("There is no external backend %.60q: it is %s.", name, strings.Join(answer.External, " or ")))
	}
	var rules assist.Rules
	at, err := s.propose(ctx, r.GetCommand(), &assist.NameBackend{Name: r.GetBackend()}, &rules)
	if err != nil {
		return nil, err
	}
	return &pb.NameBackendResponse{Assistance: convert.Assistance(&rules), Position: uint64(at)}, nil
}
