package shell

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// clerk does plain commands that need no cluster: it answers with what it was asked.
type clerk struct{ err error }

func (c clerk) Run(_ context.Context, args []string) (out, notes string, err error) {
	if len(args) > 1 && args[1] == "long" {
		return strings.Repeat("a line\n", 20000), "", nil
	}
	return "asked <" + strings.Join(args, "> <") + ">\n\x1b[2Jpainted\n", "parley: a note\n", c.err
}

func (c clerk) Complete(_ context.Context, args []string, typed string) []string {
	if len(args) == 1 {
		return []string{"list\tall of them", "history\twhat was", "edit\tin an editor", "other words"}
	}
	return []string{"doc_1\tPlan", "doc_2\tBudget"}
}

func (c clerk) Program(args []string) *exec.Cmd {
	return exec.Command("sh", "-c", `echo "it says $1" >&2; [ "$1" = edit ] && exit 6; exit 0`, "sh", args[1])
}

func plainDesk(t *testing.T) *desk {
	d := newDesk(t, newTown().visitAs("alice"), 100, 20)
	d.plain = clerk{}
	return d
}

func TestR97_APlainCommandIsDoneInTheShellWordForWord(t *testing.T) {
	d := plainDesk(t)
	d.types(`join general<enter>/doc create --title "our plan" --file 'a b.txt'<enter>`)
	require.Contains(t, d.look(), "asked <doc> <create> <--title> <our plan> <--file> <a b.txt>")
	require.Contains(t, d.look(), "painted", "and nothing of it moves the cursor")
	require.NotContains(t, d.look(), "\x1b")
	require.Contains(t, d.look(), "a note")
	d.types("/parley cluster check<enter>")
	require.Contains(t, d.look(), "asked <cluster> <check>")
	d.types(`/doc create "open<enter>`)
	require.Contains(t, d.look(), "A quote is not closed")
	d.types("/lock long<enter>")
	require.Less(t, len(d.room(d.open).notes[len(d.room(d.open).notes)-1].pieces[0].text), 2*printedBytesMax, "what is very long is cut")
	d.plain = clerk{err: &Error{Kind: Conflict, Text: "It is held", Hint: "wait"}}
	d.types("/lock acquire x<enter>")
	require.Contains(t, d.look(), "It is held (wait)")
	d.plain = nil
	d.types("/doc list<enter>")
	require.Contains(t, d.look(), "can't be done from here")
}

func TestR96_TabCompletesPlainCommandsAsTheCommandLineDoes(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"/doc l<tab>", "/doc list "},
		{"/doc h<tab>", "/doc history "},
		{"/doc history <tab>", "/doc history doc_"},
		{"/doc history <tab><tab><tab>", "/doc history doc_2"},
		{"/doc z<tab>", "/doc z"},
		{"/doc oth<tab>", "/doc oth"},
		{`/doc "open <tab>`, `/doc "open `},
		{"doc li<tab>", "doc list "},
	} {
		d := plainDesk(t)
		d.types(c.keys)
		require.Equal(t, c.want, d.input.text(), c.keys)
		d.fits()
	}
	d := plainDesk(t)
	d.hold = true
	d.types("/doc l<tab>")
	d.types("x")
	d.release()
	require.Equal(t, "/doc lx", d.input.text(), "an answer to an earlier line is dropped")
}

func TestR97_WhatTakesTheTerminalIsAProcessOfItsOwn(t *testing.T) {
	d := plainDesk(t)
	d.types("/lock run x -- y<enter>")
	require.Contains(t, d.look(), "Done: lock run x -- y")
	require.Contains(t, d.look(), "it says run", "what it says beside its output is not lost with the terminal")
	d.types("/doc edit doc_1<enter>")
	require.Contains(t, d.look(), "it says edit")
	e, ok := d.failed.(*Error)
	require.True(t, ok)
	require.Equal(t, Conflict, e.Kind)
	d.types("/doc edit --help<enter>")
	require.Contains(t, d.look(), "asked <doc> <edit> <--help>")
}

// What others do with documents is a remark; what becomes of one's own locks is a warning.
func TestR67_TheShellShowsWhatBecomesOfDocumentsAndLocks(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 100, 20)
	d.types("join general<enter>")
	d.put([]Event{
		{Kind: DocChanged, Position: 900, User: "bob", Doc: "doc_1", Text: "Plan", Change: "updated"},
		{Kind: DocChanged, Position: 901, User: "alice", Doc: "doc_1", Text: "Plan", Change: "restored"},
		{Kind: LockChanged, Position: 902, User: "bob", By: "alice", Text: "deploy", Change: "broken"},
		{Kind: LockChanged, Position: 903, User: "bob", By: "charlie", Text: "others", Change: "broken"},
		{Kind: LockChanged, Position: 904, User: "alice", Text: "build", Change: "expired"},
		{Kind: UserChanged, Position: 905, User: "alice", Text: "Alice the Admin", Admin: true},
		{Kind: Editing, User: "bob", Doc: "doc_1", Text: "Plan"},
		{Kind: Typing, User: "charlie", Place: "chan_1"},
		{Kind: Editing, User: "alice", Doc: "doc_1", Text: "Plan"},
	})
	for _, want := range []string{"bob has updated Plan (doc_1)", "bob has broken your lock deploy", "The time of your lock build is over",
		"charlie is writing… · bob is editing Plan"} {
		require.Contains(t, d.look(), want)
	}
	for _, not := range []string{"restored", "others", "alice is editing"} {
		require.NotContains(t, d.look(), not)
	}
	require.True(t, d.me.ClusterAdmin)
	d.put([]Event{{Kind: DocChanged, Position: 906, User: "bob", Doc: "doc_1", Text: "Plan", Change: "updated"}})
	require.NotContains(t, d.look(), "is editing", "he has written")
	d.ring()
	require.NotContains(t, d.look(), "is writing", "what is not said again is over")
}
