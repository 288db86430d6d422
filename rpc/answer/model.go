package answer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/llm/prompt"
	pb "parley/rpc/proto/parley/v1"
)

// model is the LLM server as a node sees it.
type model struct {
	conn   *grpc.ClientConn
	client pb.ModelServiceClient
	secret string

	mu     sync.Mutex
	downAt time.Time // when it did not answer; zero: it did
}

// dial returns a connection that is made when it is needed.
func dial(addr, secret string, secure *tls.Config) (*model, error) {
	creds := insecure.NewCredentials()
	switch host, _, err := net.SplitHostPort(addr); {
	case err != nil:
		return nil, fmt.Errorf("the LLM server's address: %w", err)
	case secure != nil:
		creds = credentials.NewTLS(secure)
	case !loopback(host):
		return nil, fmt.Errorf("the LLM server at %s is on another machine, and what is written here would go there in the clear: name the certificate of its CA", addr)
	}
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(creds),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: reconnectMin, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: connectMax,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingMax}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(replyBytesMax)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
	)
	if err != nil {
		return nil, fmt.Errorf("the LLM server's address: %w", err)
	}
	return &model{conn: conn, client: pb.NewModelServiceClient(conn), secret: secret}, nil
}

// loopback reports whether a host is this machine and no other.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (m *model) as(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+m.secret)
}

// errDown is why a server is not asked that did not answer a moment ago.
var errDown = errors.New("answer: the LLM server did not answer")

// describe says which backend there is. It comes before each text, as a sign of life: a process that was stopped is told by it
// from one that thinks.
func (m *model) describe(parent context.Context) (*pb.DescribeResponse, error) {
	m.mu.Lock()
	down := time.Since(m.downAt) < downFor
	m.mu.Unlock()
	if down {
		return nil, errDown
	}
	ctx, cancel := context.WithTimeout(m.as(parent), describeMax)
	defer cancel()
	d, err := m.client.Describe(ctx, &pb.DescribeRequest{})
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.downAt = time.Time{}
	case parent.Err() == nil: // one who has no time says nothing about the server
		m.downAt = time.Now()
	}
	return d, err
}

// errGarbage is what comes of a server that does not keep to the protocol.
var errGarbage = errors.New("answer: what the LLM server sent is no answer")

// generate has one text made. Pieces go to emit as they come; what was emitted before an error is no answer.
func (m *model) generate(ctx context.Context, r *pb.GenerateRequest, emit func(string) error) (string, *pb.Final, error) {
	ctx, cancel := context.WithCancel(m.as(ctx))
	defer cancel() // ends the stream, however it was left
	stream, err := m.client.Generate(ctx, r)
	if err != nil {
		return "", nil, err
	}
	var text strings.Builder
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return "", nil, errGarbage // without a Final it was cut
		}
		if err != nil {
			return "", nil, err
		}
		if f := part.GetFinal(); f != nil {
			if f.GetSource() == "" {
				return "", nil, errGarbage
			}
			return text.String(), f, nil
		}
		piece := part.GetPiece()
		if piece == "" || !utf8.ValidString(piece) || text.Len()+len(piece) > int(r.GetLimits().GetBytesMax()) {
			return "", nil, errGarbage
		}
		text.WriteString(piece)
		if err := emit(piece); err != nil {
			return "", nil, err
		}
	}
}

// kinds are the tasks as the wire has them.
var kinds = map[prompt.Kind]pb.TaskKind{
	prompt.Reply:           pb.TaskKind_TASK_KIND_REPLY,
	prompt.Summarize:       pb.TaskKind_TASK_KIND_SUMMARIZE,
	prompt.Complete:        pb.TaskKind_TASK_KIND_COMPLETE,
	prompt.Ask:             pb.TaskKind_TASK_KIND_ASK,
	prompt.Grammar:         pb.TaskKind_TASK_KIND_GRAMMAR,
	prompt.Enhance:         pb.TaskKind_TASK_KIND_ENHANCE,
	prompt.DocumentSummary: pb.TaskKind_TASK_KIND_DOCUMENT_SUMMARY,
}

// requestOf is a task on the wire, in parts and as a model is asked it.
func requestOf(t *prompt.Task, p *prompt.Prompt, tokens, bytes int) *pb.GenerateRequest {
	r := &pb.GenerateRequest{
		Task:   &pb.Task{Kind: kinds[t.Kind], Text: t.Text, Count: uint32(t.Count), Topics: uint32(t.Topics), WordsMax: uint32(t.Words), CharactersMax: uint32(t.Runes)},
		Prompt: &pb.Prompt{Instruction: p.Instruction, Fence: p.Fence},
		Limits: &pb.OutputLimits{TokensMax: uint32(tokens), BytesMax: uint32(bytes)},
	}
	for _, m := range t.Messages {
		r.Task.Messages = append(r.Task.Messages, &pb.Utterance{Speaker: m.Speaker, Text: m.Text})
	}
	for _, d := range p.Data {
		r.Prompt.Data = append(r.Prompt.Data, &pb.PromptData{Label: d.Label, Text: d.Text})
	}
	return r
}

// noteOf says for a person why an answer is not the model's. Nothing that a server said is in it.
func noteOf(err error) string {
	failure, after := pb.ModelFailure(0), time.Duration(0)
	for _, d := range status.Convert(err).Details() {
		if e, ok := d.(*pb.ModelError); ok {
			failure, after = e.GetFailure(), e.GetRetryAfter().AsDuration()
		}
	}
	switch {
	case errors.Is(err, prompt.ErrForm), errors.Is(err, errGarbage), failure == pb.ModelFailure_MODEL_FAILURE_MALFORMED:
		return "The model's answer made no sense."
	case failure == pb.ModelFailure_MODEL_FAILURE_RATE_LIMITED && after > 0:
		return fmt.Sprintf("The model is asked too often; it can be asked again in %v.", max(time.Second, after.Round(time.Second)))
	case failure == pb.ModelFailure_MODEL_FAILURE_RATE_LIMITED, errors.Is(err, errFull), status.Code(err) == codes.ResourceExhausted:
		return "The model is asked too often."
	case failure == pb.ModelFailure_MODEL_FAILURE_TOO_LARGE:
		return "The text is too long for the model."
	case failure == pb.ModelFailure_MODEL_FAILURE_REFUSED:
		return "The model does not want to answer this."
	case failure == pb.ModelFailure_MODEL_FAILURE_MISCONFIGURED:
		return "The model is not set up properly."
	case failure == pb.ModelFailure_MODEL_FAILURE_EXTERNAL:
		return noteExternal
	case status.Code(err) == codes.Unauthenticated:
		return "The LLM server does not take this cluster's secret."
	case errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
		return "The model did not answer in time."
	}
	return "The LLM server can't be reached."
}

// noteExternal is why an external backend was not asked.
const noteExternal = "The model is an external one, and what stands there does not leave the machine."
