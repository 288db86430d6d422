package statemachine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine/assist"
	"parley/statemachine/chat"
	"parley/statemachine/file"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// scene is a world with a public channel, a private one and a direct conversation. Each has messages and files of mona,
// who is a member, and of vera, who is one, too.
type scene struct {
	*teamtest.World
	callers map[string]teamtest.Actor
	refs    [3]refs // of public, private, conversation
}

// refs are what there is in a place, as one calls it.
type refs struct {
	place, message, others, file, othersFile string
}

// newScene makes the scene. Without hidden things the entries that would make them do nothing.
func newScene(t *testing.T, hidden bool) *scene {
	w, root := teamtest.New(t, state.DefaultLimits())
	s := &scene{World: w, callers: map[string]teamtest.Actor{"governor": root}}
	s.callers["outsider"], s.callers["member"], s.callers["admin"] = w.User("otto"), w.User("mona"), w.User("adam")
	vera, eve := w.User("vera"), w.User("eve")
	w.User("walt")
	mona, adam := s.callers["member"], s.callers["admin"]
	for i, place := range [...]string{"#club", "#den", "@vera"} {
		do := func(a teamtest.Actor, c state.Command) {
			if hidden || i == 0 {
				w.Must(a, c, nil)
			} else {
				w.Entry(a)
			}
		}
		r := &s.refs[i]
		r.place = place
		if i < 2 {
			do(adam, &chat.CreateChannel{Name: place[1:], Private: i == 1, Join: state.JoinOpen})
			for _, a := range []teamtest.Actor{mona, vera, eve} {
				do(adam, &chat.AddMember{Of: chat.Of{Place: place, User: a.Name}})
			}
			do(adam, &chat.Promote{Of: chat.Of{Place: place, User: "eve"}})
		}
		made := w.At - 4 // the entry of the channel
		do(mona, &chat.Send{Place: place, Text: "a secret of mona"})
		if i == 2 {
			made = w.At
			r.place = (&state.Place{ID: state.PlaceID(made), Kind: state.Conversation}).IDString()
		}
		r.message = state.MessageID{Place: state.PlaceID(made), Position: w.At}.String()
		from := map[string]string{"mona": place, "vera": place}
		if i == 2 {
			from["vera"] = "@mona"
		}
		do(vera, &chat.Send{Place: from["vera"], Text: "a secret of vera"})
		r.others = state.MessageID{Place: state.PlaceID(made), Position: w.At}.String()
		for _, a := range []teamtest.Actor{mona, vera} {
			sum := w.Upload(a, "content of "+a.Name)
			do(a, &file.Attach{Place: from[a.Name], Name: a.Name, Size: uint64(len("content of " + a.Name)), Sum: sum})
			id := state.FileID(w.At).String()
			if a.Name == "mona" {
				r.file = id
			} else {
				r.othersFile = id
			}
		}
	}
	return s
}

// permissions is what each caller gets for everything that can be done to a place and what is in it: ok, a reason, or
// - for the answer that there is no such thing, byte for byte as if there were none.
var permissions = []struct {
	name  string
	do    func(s *scene, a teamtest.Actor, r refs) []byte
	cells string // public: outsider member admin governor | private: the same | conversation: outsider member governor
}{
	{"Send", apply(func(r refs) state.Command { return &chat.Send{Place: r.place, Text: "x"} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Send a reply", apply(func(r refs) state.Command { return &chat.Send{Place: r.place, Text: "x", ReplyTo: r.message} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Send to #general a reply to a message there", apply(func(r refs) state.Command { return &chat.Send{Place: "#general", Text: "x", ReplyTo: r.message} }),
		"NOT_A_MEMBER REPLY_ELSEWHERE REPLY_ELSEWHERE NOT_A_MEMBER | - REPLY_ELSEWHERE REPLY_ELSEWHERE - | - REPLY_ELSEWHERE -"},
	{"Send to #general with a file from there", apply(func(r refs) state.Command { return &chat.Send{Place: "#general", Text: "x", File: r.file} }),
		"FILE_NOT_FOUND FILE_NOT_FOUND FILE_NOT_FOUND FILE_NOT_FOUND | - - - - | - - -"},
	{"Edit mona's", apply(func(r refs) state.Command { return &chat.Edit{ID: r.message, Text: "x"} }),
		"NOT_A_MEMBER ok NOT_SENDER NOT_A_MEMBER | - ok NOT_SENDER - | - ok -"},
	{"Edit vera's", apply(func(r refs) state.Command { return &chat.Edit{ID: r.others, Text: "x"} }),
		"NOT_A_MEMBER NOT_SENDER NOT_SENDER NOT_A_MEMBER | - NOT_SENDER NOT_SENDER - | - NOT_SENDER -"},
	{"Unsend mona's", apply(func(r refs) state.Command { return &chat.Unsend{ID: r.message} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Unsend vera's", apply(func(r refs) state.Command { return &chat.Unsend{ID: r.others} }),
		"NOT_A_MEMBER NOT_SENDER ok NOT_A_MEMBER | - NOT_SENDER ok - | - NOT_SENDER -"},
	{"React", apply(func(r refs) state.Command { return &chat.React{ID: r.message, Emoji: "👍"} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Unreact", apply(func(r refs) state.Command { return &chat.Unreact{ID: r.message, Emoji: "👍"} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"MarkRead", apply(func(r refs) state.Command { return &chat.MarkRead{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Join", apply(func(r refs) state.Command { return &chat.Join{Place: r.place} }),
		"ok ok ok ok | - ok ok ok | - FIELD_INVALID -"},
	{"Leave", apply(func(r refs) state.Command { return &chat.Leave{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - FIELD_INVALID -"},
	{"AddMember", apply(func(r refs) state.Command { return &chat.AddMember{Of: chat.Of{Place: r.place, User: "walt"}} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"AddMember of nobody", apply(func(r refs) state.Command { return &chat.AddMember{Of: chat.Of{Place: r.place, User: "nobody"}} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN USER_NOT_FOUND USER_NOT_FOUND | - NOT_CHANNEL_ADMIN USER_NOT_FOUND USER_NOT_FOUND | - NOT_PERMITTED -"},
	{"RemoveMember", apply(func(r refs) state.Command { return &chat.RemoveMember{Of: chat.Of{Place: r.place, User: "vera"}} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"Promote", apply(func(r refs) state.Command { return &chat.Promote{Of: chat.Of{Place: r.place, User: "vera"}} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"Demote", apply(func(r refs) state.Command { return &chat.Demote{Of: chat.Of{Place: r.place, User: "eve"}} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"Archive", apply(func(r refs) state.Command { return &chat.Archive{Place: r.place} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"Unarchive", apply(func(r refs) state.Command { return &chat.Unarchive{Place: r.place} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"UpdateChannel", apply(func(r refs) state.Command {
		text := "about this and that"
		return &chat.UpdateChannel{Place: r.place, Description: &text}
	}), "NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - NOT_PERMITTED -"},
	{"InspectChannel", apply(func(r refs) state.Command { return &chat.InspectChannel{Place: r.place} }),
		"ok ok ok ok | - ok ok ok | - FIELD_INVALID -"},
	{"Remove mona's file", apply(func(r refs) state.Command { return &file.Remove{ID: r.file} }),
		"FILE_NOT_FOUND ok ok FILE_NOT_FOUND | - ok ok - | - ok -"},
	{"Remove vera's file", apply(func(r refs) state.Command { return &file.Remove{ID: r.othersFile} }),
		"FILE_NOT_FOUND NOT_UPLOADER ok FILE_NOT_FOUND | - NOT_UPLOADER ok - | - NOT_UPLOADER -"},
	{"Attach", func(s *scene, a teamtest.Actor, r refs) []byte {
		return s.Apply(a, &file.Attach{Place: r.place, Name: "mine", Size: 4, Sum: s.Upload(a, "mine")})
	}, "NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},

	{"History", query(func(r refs) state.Query { return &chat.History{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Thread", query(func(r refs) state.Query { return &chat.Thread{ID: r.message} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"EditsOf", query(func(r refs) state.Query { return &chat.EditsOf{ID: r.message} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"GetMessage", query(func(r refs) state.Query { return &chat.GetMessage{ID: r.message} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Search", query(func(r refs) state.Query { return &chat.Search{Text: "secret", Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"ChannelOf", query(func(r refs) state.Query { return &chat.ChannelOf{Place: r.place} }),
		"ok ok ok ok | - ok ok - | - FIELD_INVALID -"},
	{"Members", query(func(r refs) state.Query { return &chat.Members{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"PlaceOf", query(func(r refs) state.Query { return &chat.PlaceOf{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Files", query(func(r refs) state.Query { return &file.Files{Place: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"FileOf", query(func(r refs) state.Query { return &file.FileOf{ID: r.file} }),
		"FILE_NOT_FOUND ok ok FILE_NOT_FOUND | - ok ok - | - ok -"},
	{"MayAttach", query(func(r refs) state.Query { return &file.MayAttach{Place: r.place, Size: 1} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Talk", query(func(r refs) state.Query { return &assist.Talk{Place: r.place, Limit: 5} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"Policy", query(func(r refs) state.Query { return &assist.Policy{Of: r.place} }),
		"NOT_A_MEMBER ok ok NOT_A_MEMBER | - ok ok - | - ok -"},
	{"SetExternal", apply(func(r refs) state.Command { return &assist.SetExternal{Of: r.place} }),
		"NOT_A_MEMBER NOT_CHANNEL_ADMIN ok ok | - NOT_CHANNEL_ADMIN ok ok | - ok -"},
	{"Consult", apply(func(r refs) state.Command { return &assist.Consult{Place: r.place, Task: "ask", Backend: "gemini"} }),
		"NOT_A_MEMBER EXTERNAL_OFF EXTERNAL_OFF NOT_A_MEMBER | - EXTERNAL_OFF EXTERNAL_OFF - | - EXTERNAL_OFF -"},
	{"all lists", func(s *scene, a teamtest.Actor, r refs) []byte {
		var all []byte
		for _, q := range []state.Query{&chat.Search{Text: "secret"}, &chat.Channels{}, &chat.Mentions{}, &chat.Conversations{}} {
			all = append(all, s.Query(a, q)[1:]...)
		}
		return all
	}, "ok ok ok ok | - ok ok - | - ok -"},
}

func apply(command func(r refs) state.Command) func(*scene, teamtest.Actor, refs) []byte {
	return func(s *scene, a teamtest.Actor, r refs) []byte { return s.Apply(a, command(r)) }
}

func query(query func(r refs) state.Query) func(*scene, teamtest.Actor, refs) []byte {
	return func(s *scene, a teamtest.Actor, r refs) []byte { return s.Query(a, query(r)) }
}

// Everything that is done to places or read of them, by everybody, stands in one table: R18, R19, R20, R36, R44 and the
// table of who may do what. What is hidden is answered as in a world in which it never was.
func TestR18_WhoMayDoWhatAndWhatIsHiddenIsAsIfItWereNot(t *testing.T) {
	for _, p := range permissions {
		for i, column := range strings.Split(p.cells, "|") {
			callers := []string{"outsider", "member", "admin", "governor"}
			if i == 2 {
				callers = []string{"outsider", "member", "governor"}
			}
			cells := strings.Fields(column)
			require.Len(t, cells, len(callers), p.name)
			for k, want := range cells {
				name := fmt.Sprintf("%s, %s of %s", p.name, callers[k], [...]string{"a public channel", "a private channel", "a conversation"}[i])
				s := newScene(t, true)
				before, records := s.M.StateHash(), len(s.Audited())
				got := p.do(s, s.callers[callers[k]], s.refs[i])
				switch want {
				case "ok":
					if p.name != "all lists" {
						require.NoError(t, decodeAny(got), name)
					}
				case "-":
					none := newScene(t, false)
					require.Equal(t, s.refs, none.refs)
					require.Equal(t, p.do(none, none.callers[callers[k]], none.refs[i]), got, name)
					if p.name != "all lists" {
						require.ErrorContains(t, decodeAny(got), "There is no", name)
					}
				default:
					var refusal *state.Refusal
					require.ErrorAs(t, decodeAny(got), &refusal, name)
					require.Equal(t, want, refusal.Reason, name)
				}
				if want != "ok" && p.name != "Attach" {
					require.Equal(t, before, s.M.StateHash(), name)
				}
				if callers[k] == "governor" && s.M.StateHash() != before && !(p.name == "Join" && i == 0 || p.name == "InspectChannel" && i == 0) {
					require.Greater(t, len(s.Audited()), records, "%s is written down", name)
				}
			}
		}
	}
}

// decodeAny returns the refusal of a reply, if it is one.
func decodeAny(reply []byte) error {
	if len(reply) > 1 && state.Code(reply[1]) == state.OK {
		return nil
	}
	return state.DecodeReply(reply, nil)
}
