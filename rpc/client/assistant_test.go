package client

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/llm"
	"parley/llm/prompt"
	"parley/llm/scripted"
	llmserver "parley/llm/server"
	"parley/rpc/answer"
	pb "parley/rpc/proto/parley/v1"
	"parley/rpc/server"
	"parley/statemachine"
)

// outside is a backend that is somewhere else.
type outside struct{ *scripted.Provider }

func (o outside) Describe() llm.Description {
	d := o.Provider.Describe()
	d.Backend, d.External = "gemini", true
	return d
}

// startAssisted starts a cluster with an LLM server.
func startAssisted(t *testing.T, p llm.Provider) *testCluster {
	t.Helper()
	const secret = "0123456789abcdef0123456789abcdef"
	s, err := llmserver.New(llmserver.Config{Provider: p, Secret: secret, Rate: 60_000})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Stop()
		<-ended
	})
	return startClusterOf(t, statemachine.DefaultLimits(), func(c *server.Config) { c.Assistant = answer.Config{Addr: l.Addr().String(), Secret: secret} })
}

// Any one address suffices, also for a text that the leader alone may send away.
func TestR82_ATextForAnExternalBackendIsAskedOfTheLeaderWhereverOneAsks(t *testing.T) {
	c := startAssisted(t, outside{scripted.New()})
	leader := c.leader()
	for i := range c.addrs {
		alice := c.client(Config{Addrs: []string{c.addrs[i]}})
		c.knows(i, alice)
		_, err := alice.Send(t.Context(), "general", "hello")
		require.NoError(t, err)
		if i == 0 {
			r, err := alice.SmartReply(t.Context(), "general")
			require.NoError(t, err)
			require.Equal(t, "offline", r.GetOrigin().GetSource())
			_, err = alice.NameBackend(t.Context(), "gemini")
			require.NoError(t, err)
		}
		r, err := alice.SmartReply(t.Context(), "general")
		require.NoError(t, err)
		require.Equal(t, "gemini", r.GetOrigin().GetSource(), "asked at node %d of leader %d", i+1, leader+1)
		_, err = alice.SmartReply(t.Context(), "nowhere")
		require.Equal(t, []any{codes.NotFound, "CHANNEL_NOT_FOUND"}, []any{failedAs(err).Code, failedAs(err).Reason})
	}
	got, err := c.client(Config{}).GetAssistance(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "gemini", got.GetAssistance().GetBackend())
}

// An answer that breaks off is told to be none, and the pieces of the next one come.
func TestR77_AnAnswerThatBreaksOffBeginsAnew(t *testing.T) {
	c := startAssisted(t, scripted.New(scripted.Step{Kind: prompt.Ask, Pieces: []string{"The ", "end "}, Err: llm.Errorf(llm.Unavailable, "as the script says")}))
	alice := c.client(Config{})
	_, err := alice.Send(t.Context(), "general", "The library is open until noon.")
	require.NoError(t, err)
	var text string
	var broke int
	origin, err := alice.Ask(t.Context(), "Until when is the library open?", "general", func(piece string, anew bool) error {
		if anew {
			require.Equal(t, "The end ", text)
			text = ""
			broke++
		}
		text += piece
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, broke)
	require.Equal(t, "offline", origin.GetSource())
	require.NotEmpty(t, origin.GetNote())
	require.Contains(t, text, "The library is open until noon.")

	enough := errors.New("enough")
	_, err = alice.Ask(t.Context(), "Why?", "", func(string, bool) error { return enough })
	require.Equal(t, enough, err)
}

// Without a majority what is written can't be read for sure; what a node has can, and helps.
func TestR84_AMinorityHelpsWithWhatItHasIfThatIsAskedFor(t *testing.T) {
	c := startAssisted(t, scripted.New())
	alice := c.client(Config{})
	_, err := alice.Send(t.Context(), "general", "hello")
	require.NoError(t, err)
	id, err := alice.CreateDocument(t.Context(), &pb.CreateDocumentRequest{Title: "Plan", Content: []byte("some text")})
	require.NoError(t, err)
	survivor := c.leader()
	for i := range c.hosts {
		if i != survivor {
			c.stop(i)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = alice.Summarize(ctx, "general", 20)
	require.Equal(t, codes.Unavailable, failedAs(err).Code, "%v", err)
	r, err := alice.Summarize(t.Context(), "general", 20, Stale(true))
	require.NoError(t, err)
	require.Equal(t, "scripted", r.GetOrigin().GetSource())
	d, err := alice.AssistDocument(t.Context(), id.GetDocument().GetId(), pb.DocumentTask_DOCUMENT_TASK_GRAMMAR, Stale(true))
	require.NoError(t, err)
	require.Equal(t, "some text", d.GetText())
	_, err = c.open(Config{}).SmartReply(t.Context(), "general")
	require.Equal(t, ReasonTokenMissing, failedAs(err).Reason)
}
