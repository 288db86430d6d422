package server

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/llm"
	"parley/llm/prompt"
	"parley/llm/scripted"
	llmserver "parley/llm/server"
	"parley/rpc/answer"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

const modelSecret = "0123456789abcdef0123456789abcdef"

// modelServer is a real LLM server in this process.
type modelServer struct {
	t    testing.TB
	addr string
	stop func()
}

// serveModel starts an LLM server with a backend, at an address or a free one.
func serveModel(t testing.TB, addr string, p llm.Provider) *modelServer {
	t.Helper()
	return serveModelWith(t, addr, p, nil)
}

// serveModelWith is serveModel with the offline backend beside the other one.
func serveModelWith(t testing.TB, addr string, p, offline llm.Provider) *modelServer {
	t.Helper()
	s, err := llmserver.New(llmserver.Config{Provider: p, Secret: modelSecret, Rate: 60_000, Offline: offline})
	require.NoError(t, err)
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	m := &modelServer{t: t, addr: l.Addr().String()}
	m.stop = func() {
		_ = s.Stop()
		<-ended
		m.stop = func() {}
	}
	t.Cleanup(func() { m.stop() })
	return m
}

// startAssisted starts a cluster whose nodes ask an LLM server with this backend.
func startAssisted(t testing.TB, n int, p llm.Provider) (*testCluster, *modelServer) {
	t.Helper()
	m := serveModel(t, "127.0.0.1:0", p)
	cfg := governed()
	cfg.Assistant = answer.Config{Addr: m.addr, Secret: modelSecret}
	cfg.Rates = Rates{Asks: 10_000}
	return startCluster(t, n, cfg), m
}

// says is a script's answer to one kind of task.
func says(k prompt.Kind, text string) scripted.Step {
	return scripted.Step{Kind: k, Pieces: strings.SplitAfter(text, " ")}
}

// asked puts a question and reads the whole answer.
func (u *user) asked(question, place string) (text string, origin *pb.Origin, err error) {
	stream, err := u.assistant().Ask(u.ctx(), &pb.AskRequest{Question: question, Place: place})
	for err == nil {
		var r *pb.AskResponse
		if r, err = stream.Recv(); err != nil {
			break
		}
		switch step := r.GetStep().(type) {
		case *pb.AskResponse_Piece:
			text += step.Piece
		case *pb.AskResponse_Anew:
			text = ""
		case *pb.AskResponse_Origin:
			origin = step.Origin
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, origin, err
}

func TestR74_ThreeRepliesOfAtMostTenWordsAreMadeOfTheLastFiveMessages(t *testing.T) {
	p := scripted.New(says(prompt.Reply, "1. one two three four five six seven eight nine ten eleven twelve\n2. \"Yes.\"\n- Yes.\n3) No.\n4. Perhaps."))
	c, _ := startAssisted(t, 1, p)
	ann, bob := c.signUp("ann"), c.signUp("bob")
	for _, text := range []string{"one", "two", "three", "four", "five", "six", "Shall we?"} {
		bob.send("general", text)
	}
	r, err := ann.assistant().SmartReply(ann.ctx(), &pb.SmartReplyRequest{Place: "#general"})
	require.NoError(t, err)
	require.Equal(t, []string{"one two three four five six seven eight nine ten", "Yes.", "No."}, r.GetSuggestions())
	require.Equal(t, "scripted", r.GetOrigin().GetSource())
	asked := p.Asked()
	require.Len(t, asked, 1)
	require.Equal(t, []prompt.Message{{Speaker: "bob", Text: "three"}, {Speaker: "bob", Text: "four"}, {Speaker: "bob", Text: "five"},
		{Speaker: "bob", Text: "six"}, {Speaker: "bob", Text: "Shall we?"}}, asked[0].Task.Messages)
	again, err := ann.assistant().SmartReply(ann.ctx(), &pb.SmartReplyRequest{Place: "#general"})
	require.NoError(t, err)
	require.Equal(t, r.GetSuggestions(), again.GetSuggestions())
	require.Len(t, p.Asked(), 1, "the same five messages have the same answer")
}

func TestR75_ASummaryIsShortHoweverLongTheModelsIs(t *testing.T) {
	p := scripted.New(says(prompt.Summarize, strings.Repeat("The team talks about the release and its date. ", 20)+"\n- one\n- two\n- three\n- four\n"))
	c, _ := startAssisted(t, 1, p)
	ann := c.signUp("ann")
	for i := range 30 {
		ann.send("general", "message "+string(rune('a'+i%26)))
	}
	for limit, want := range map[uint32]int{0: 20, 5: 5, 100: 30} {
		r, err := ann.assistant().Summarize(ann.ctx(), &pb.SummarizeRequest{Place: "general", Limit: limit})
		require.NoError(t, err)
		require.LessOrEqual(t, utf8.RuneCountInString(r.GetSummary()), 200)
		require.Equal(t, []string{"one", "two", "three"}, r.GetKeyPoints())
		asked := p.Asked()
		require.Len(t, asked[len(asked)-1].Task.Messages, want)
	}
	for _, limit := range []uint32{1, 4, 101} {
		_, err := ann.assistant().Summarize(ann.ctx(), &pb.SummarizeRequest{Place: "general", Limit: limit})
		require.Equal(t, "limit", refused(t, err, codes.InvalidArgument, "FIELD_INVALID").Field)
	}
}

func TestR76_ATextGoesOnInAtMostFiveWaysWithThreeTopics(t *testing.T) {
	p := scripted.New(says(prompt.Complete, "> We should wait\n> We should ship\n> We should talk\n> We should ask\n> We should rest\n> We should go\n# release\n# date\n# tests\n# more\n"))
	c, _ := startAssisted(t, 1, p)
	ann := c.signUp("ann")
	ann.send("general", "The release is late.")
	r, err := ann.assistant().Suggest(ann.ctx(), &pb.SuggestRequest{Place: "general", Text: "We should"})
	require.NoError(t, err)
	require.Len(t, r.GetCompletions(), 5)
	for _, text := range r.GetCompletions() {
		require.True(t, strings.HasPrefix(text, "We should "), text)
	}
	require.Equal(t, []string{"release", "date", "tests"}, r.GetTopics())
}

func TestR77_AnAnswerStreamsWithAndWithoutAPlace(t *testing.T) {
	p := scripted.New(says(prompt.Ask, "It was bob who said so."))
	c, _ := startAssisted(t, 1, p)
	ann, bob := c.signUp("ann"), c.signUp("bob")
	bob.send("general", "The door is open.")
	stream, err := ann.assistant().Ask(ann.ctx(), &pb.AskRequest{Question: "Who?", Place: "#general"})
	require.NoError(t, err)
	first, err := stream.Recv()
	require.NoError(t, err)
	require.NotZero(t, first.GetHeader().GetPosition())
	pieces := 0
	for {
		r, err := stream.Recv()
		require.NoError(t, err)
		if r.GetOrigin() != nil {
			require.Equal(t, "scripted", r.GetOrigin().GetSource())
			break
		}
		require.NotEmpty(t, r.GetPiece())
		pieces++
	}
	require.Greater(t, pieces, 3, "it comes in pieces")
	require.Equal(t, "The door is open.", p.Asked()[0].Task.Messages[0].Text)

	text, origin, err := ann.asked("Why?", "")
	require.NoError(t, err)
	require.Equal(t, "It was bob who said so.", text)
	require.Equal(t, "scripted", origin.GetSource())
	require.Empty(t, p.Asked()[1].Task.Messages)
}

func TestR78_ADocumentIsSummarisedCorrectedAndEnhancedAndNothingIsChanged(t *testing.T) {
	p := scripted.New(says(prompt.DocumentSummary, "- one\n- two\n- three\n- four"), says(prompt.Grammar, "```\nThis is it.\n```"), says(prompt.Enhance, "This is surely it.\n"))
	c, _ := startAssisted(t, 1, p)
	ann := c.signUp("ann")
	c.signUp("bob")
	id := ann.newDocument("This are it.\n", "bob")
	for task, want := range map[pb.DocumentTask]string{pb.DocumentTask_DOCUMENT_TASK_SUMMARIZE: "- one\n- two\n- three\n",
		pb.DocumentTask_DOCUMENT_TASK_GRAMMAR: "This is it.\n", pb.DocumentTask_DOCUMENT_TASK_ENHANCE: "This is surely it.\n"} {
		r, err := ann.assistant().AssistDocument(ann.ctx(), &pb.AssistDocumentRequest{DocumentId: id, Task: task})
		require.NoError(t, err)
		require.Equal(t, want, r.GetText())
		require.EqualValues(t, 1, r.GetVersion(), "what an update has to name")
	}
	got, err := ann.document().GetDocument(ann.ctx(), &pb.GetDocumentRequest{DocumentId: id})
	require.NoError(t, err)
	require.Equal(t, "This are it.\n", string(got.GetContent()))
}

// refusedTexts are what somebody gets who may not read a place, by each method that reads one.
func (u *user) refusedTexts(place string) (all []convert.Failure) {
	_, err := u.assistant().SmartReply(u.ctx(), &pb.SmartReplyRequest{Place: place})
	all = append(all, convert.ParseError(err))
	_, err = u.assistant().Summarize(u.ctx(), &pb.SummarizeRequest{Place: place})
	all = append(all, convert.ParseError(err))
	_, err = u.assistant().Suggest(u.ctx(), &pb.SuggestRequest{Place: place, Text: "x"})
	all = append(all, convert.ParseError(err))
	_, _, err = u.asked("x", place)
	return append(all, convert.ParseError(err))
}
