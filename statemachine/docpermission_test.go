package statemachine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine/assist"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// desk is a world with a document of olga's. vera reads it and edna writes it, each also by a channel instead of by name: vic and
// emil. hans holds its lock, and zoe may edit it, too.
type desk struct {
	*teamtest.World
	callers map[string]teamtest.Actor
	id      string
	fence   raft.Position
}

// newDesk makes it. Without the document the entries that would make it do nothing.
func newDesk(t *testing.T, there, held bool) *desk {
	w, root := teamtest.New(t, state.DefaultLimits())
	d := &desk{World: w, callers: map[string]teamtest.Actor{"governor": root}}
	for _, c := range []string{"outsider otto", "viewer vera", "editor edna", "viewer' vic", "editor' emil", "owner olga", "holder hans", "other zoe"} {
		caller, name, _ := strings.Cut(c, " ")
		d.callers[caller] = w.User(name)
	}
	owner := d.callers["owner"]
	for _, c := range [...][2]string{{"readers", "vic"}, {"writers", "emil"}} {
		w.Must(owner, &chat.CreateChannel{Name: c[0], Private: true, Join: state.JoinInvite}, nil)
		w.Must(owner, &chat.AddMember{Of: chat.Of{Place: c[0], User: c[1]}}, nil)
	}
	do := func(a teamtest.Actor, c state.Command) {
		if there {
			w.Must(a, c, nil)
		} else {
			w.Entry(a)
		}
	}
	do(owner, &document.Create{Title: "a secret", Content: "a secret", Mode: state.LockAdvisory})
	d.id = state.DocID(w.At).String()
	for _, s := range []document.Share{
		{With: document.Whom{User: "vera"}, Role: state.Viewer}, {With: document.Whom{User: "edna"}, Role: state.Editor},
		{With: document.Whom{Channel: "readers"}, Role: state.Viewer}, {With: document.Whom{Channel: "writers"}, Role: state.Editor},
		{With: document.Whom{User: "hans"}, Role: state.Editor}, {With: document.Whom{User: "zoe"}, Role: state.Editor},
	} {
		s.ID = d.id
		do(owner, &s)
	}
	if held {
		do(d.callers["holder"], &lock.Acquire{Name: d.id, TTL: time.Hour})
		d.fence = w.At
	}
	return d
}

// docPermissions is what each caller gets for everything that can be done to a document and its lock: ok, a reason, or - for
// the answer that there is no such thing, byte for byte as if there were none.
var docPermissions = []struct {
	name  string
	held  bool // hans holds the lock
	do    func(d *desk, a teamtest.Actor) []byte
	cells string // outsider viewer editor owner governor
}{
	{"Show", false, askDoc(func(d *desk) state.Query { return &document.Show{ID: d.id} }), "- ok ok ok -"},
	{"Show revision 1", false, askDoc(func(d *desk) state.Query { return &document.Show{ID: d.id, Version: 1} }), "- ok ok ok -"},
	{"Show revision 2", false, askDoc(func(d *desk) state.Query { return &document.Show{ID: d.id, Version: 2} }),
		"- REVISION_NOT_FOUND REVISION_NOT_FOUND REVISION_NOT_FOUND -"},
	{"History", false, askDoc(func(d *desk) state.Query { return &document.History{ID: d.id} }), "- ok ok ok -"},
	{"AccessList", false, askDoc(func(d *desk) state.Query { return &document.AccessList{ID: d.id} }), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok -"},
	{"List of documents", true, askDoc(func(d *desk) state.Query { return &document.List{} }), "- ok ok ok -"},
	{"Get the lock", true, askDoc(func(d *desk) state.Query { return &lock.Get{Name: d.id} }), "- ok ok ok -"},
	{"List of locks", true, askDoc(func(d *desk) state.Query { return &lock.List{} }), "- ok ok ok -"},

	{"Draft", false, askDoc(func(d *desk) state.Query { return &assist.Draft{ID: d.id} }), "- ok ok ok -"},
	{"Policy", false, askDoc(func(d *desk) state.Query { return &assist.Policy{Of: d.id} }), "- ok ok ok -"},
	{"SetExternal", false, doDoc(func(d *desk) state.Command { return &assist.SetExternal{Of: d.id} }), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Consult", false, doDoc(func(d *desk) state.Command {
		return &assist.Consult{Doc: d.id, Task: "grammar", Backend: "gemini"}
	}), "- EXTERNAL_OFF EXTERNAL_OFF EXTERNAL_OFF -"},
	{"Update", false, doDoc(func(d *desk) state.Command { return document.NewUpdate(d.id, []byte("x"), 0, nil) }), "- NOT_DOCUMENT_EDITOR ok ok -"},
	{"Update while hans holds the lock", true, doDoc(func(d *desk) state.Command { return document.NewUpdate(d.id, []byte("x"), 0, nil) }),
		"- NOT_DOCUMENT_EDITOR LOCK_HELD LOCK_HELD -"},
	{"Update with the fence of hans", true, doDoc(func(d *desk) state.Command {
		u := document.NewUpdate(d.id, []byte("x"), 0, nil)
		u.Fence = d.fence
		return u
	}), "- NOT_DOCUMENT_EDITOR STALE_FENCE STALE_FENCE -"},
	{"Restore", false, doDoc(func(d *desk) state.Command { return &document.Restore{ID: d.id, Version: 1} }), "- NOT_DOCUMENT_EDITOR ok ok -"},
	{"Acquire", false, doDoc(func(d *desk) state.Command { return &lock.Acquire{Name: d.id, TTL: time.Minute} }), "- NOT_DOCUMENT_EDITOR ok ok -"},
	{"Acquire what hans holds", true, doDoc(func(d *desk) state.Command { return &lock.Acquire{Name: d.id, TTL: time.Minute} }), "- NOT_DOCUMENT_EDITOR ok ok -"},
	{"Acquire and wait", true, doDoc(func(d *desk) state.Command {
		return &lock.Acquire{Name: d.id, TTL: time.Minute, Wait: time.Minute}
	}), "- NOT_DOCUMENT_EDITOR ok ok -"},
	{"Renew the lock of hans", true, doDoc(func(d *desk) state.Command { return &lock.Renew{Name: d.id, Fence: d.fence} }),
		"- NOT_DOCUMENT_EDITOR NOT_LOCK_HOLDER NOT_LOCK_HOLDER -"},
	{"Release the lock of hans", true, doDoc(func(d *desk) state.Command { return &lock.Release{Name: d.id, Fence: d.fence} }),
		"- NOT_LOCK_HOLDER NOT_LOCK_HOLDER NOT_LOCK_HOLDER -"},
	{"Cancel a wait", true, doDoc(func(d *desk) state.Command { return &lock.Cancel{Name: d.id, Ticket: d.fence} }),
		"- WAIT_NOT_FOUND WAIT_NOT_FOUND WAIT_NOT_FOUND -"},
	{"Break the lock of hans", true, doDoc(func(d *desk) state.Command { return &lock.Break{Name: d.id} }),
		"- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Break what nobody holds", false, doDoc(func(d *desk) state.Command { return &lock.Break{Name: d.id} }),
		"- LOCK_NOT_HELD LOCK_NOT_HELD LOCK_NOT_HELD LOCK_NOT_HELD"},
	{"Share", false, doDoc(func(d *desk) state.Command {
		return &document.Share{ID: d.id, With: document.Whom{All: true}, Role: state.Viewer}
	}), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Share with a channel of olga's", false, doDoc(func(d *desk) state.Command {
		return &document.Share{ID: d.id, With: document.Whom{Channel: "writers"}, Role: state.Viewer}
	}), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Unshare", false, doDoc(func(d *desk) state.Command { return &document.Unshare{ID: d.id, With: document.Whom{User: "zoe"}} }),
		"- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Configure", false, doDoc(func(d *desk) state.Command {
		ai := false
		return &document.Configure{ID: d.id, AI: &ai}
	}), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Delete", true, doDoc(func(d *desk) state.Command { return &document.Delete{ID: d.id} }), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Undelete", false, doDoc(func(d *desk) state.Command { return &document.Undelete{ID: d.id} }), "- NOT_DOCUMENT_OWNER NOT_DOCUMENT_OWNER ok ok"},
	{"Inspect", true, doDoc(func(d *desk) state.Command { return &document.Inspect{ID: d.id} }), "- ok ok ok ok"},
	{"InspectAll", true, doDoc(func(d *desk) state.Command { return &document.InspectAll{} }),
		"NOT_CLUSTER_ADMIN NOT_CLUSTER_ADMIN NOT_CLUSTER_ADMIN NOT_CLUSTER_ADMIN ok"},
}

func doDoc(command func(d *desk) state.Command) func(*desk, teamtest.Actor) []byte {
	return func(d *desk, a teamtest.Actor) []byte { return d.Apply(a, command(d)) }
}

func askDoc(query func(d *desk) state.Query) func(*desk, teamtest.Actor) []byte {
	return func(d *desk, a teamtest.Actor) []byte { return d.Query(a, query(d)) }
}

// Everything that is done to documents and their locks or read of them, by everybody, stands in one table: R56, R61, R64 and
// the table of who may do what. Whoever has his role by a channel gets what one has by name.
func TestR56_WhoMayDoWhatWithADocumentAndWhatIsHiddenIsAsIfItWereNot(t *testing.T) {
	for _, p := range docPermissions {
		cells := strings.Fields(p.cells)
		require.Len(t, cells, 5, p.name)
		callers := []string{"outsider", "viewer", "editor", "owner", "governor", "viewer'", "editor'"}
		for k, want := range append(cells, cells[1], cells[2]) {
			name := fmt.Sprintf("%s, %s", p.name, callers[k])
			d := newDesk(t, true, p.held)
			d.Due()
			before, records := d.M.StateHash(), len(d.Audited())
			got := p.do(d, d.callers[callers[k]])
			switch want {
			case "ok":
				require.NoError(t, decodeAny(got), name)
			case "-":
				none := newDesk(t, false, p.held)
				require.Equal(t, d.id, none.id)
				require.Equal(t, p.do(none, none.callers[callers[k]]), got, name)
			default:
				var refusal *state.Refusal
				require.ErrorAs(t, decodeAny(got), &refusal, name)
				require.Equal(t, want, refusal.Reason, name)
			}
			if want != "ok" {
				require.Equal(t, before, d.M.StateHash(), name)
			}
			if callers[k] == "governor" && d.M.StateHash() != before {
				require.Greater(t, len(d.Audited()), records, "%s is written down", name)
			}
		}
	}
}
