package hashiraft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is at stake: an answer to a heartbeat that left before the read began says nothing about what another leader has
// acknowledged since.
func TestOnlyAHeartbeatThatLeftBehindTheQuestionAnswersIt(t *testing.T) {
	h := newHeartbeats(nil)
	leaves := func() answered { return answered{term: 7, asked: h.asked.Load()} }

	early := leaves()
	question := h.ask()
	h.took("b", early)
	require.Zero(t, h.heard(7, question), "it left before")
	h.took("b", leaves())
	require.Equal(t, 1, h.heard(7, question))
	h.took("b", early)
	require.Equal(t, 1, h.heard(7, question), "what comes late takes nothing back")
	h.took("c", answered{term: 6, asked: question})
	require.Equal(t, 1, h.heard(7, question), "another term's is no answer")
	require.Zero(t, h.heard(7, h.ask()), "nor is it one to the next question")
}
