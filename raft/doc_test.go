package raft

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever reads the paper looks for the receiver of a message. The package's table of handlers must name every message
// that the protocol sees, and lead to a function that is there.
func TestTheTableOfHandlersNamesEveryMessageAndWhereItIsHandled(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "# Who answers which message\n")
	require.True(t, found)
	dispatcher, err := os.ReadFile("raft.go")
	require.NoError(t, err)

	var named []string
	for _, row := range regexp.MustCompile(`(?m)^//\t(\w+) +(\w+) +(\w+\.go)`).FindAllStringSubmatch(table, -1) {
		message, handler, file := row[1], row[2], row[3]
		named = append(named, message)
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(source), "\nfunc (r *Raft) "+handler+"(")
		require.Contains(t, string(dispatcher), "case Msg"+message+":\n\t\tr."+handler+"(")
	}
	var all []string
	for k := MsgPreVote; k <= MsgReadIndexReply; k++ {
		all = append(all, k.String())
	}
	require.ElementsMatch(t, all, named)
}
