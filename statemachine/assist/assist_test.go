package assist_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine/assist"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// said are the texts of a reading.
func said(r *assist.Reading) (all []string) {
	for _, s := range r.Said {
		all = append(all, s.Speaker+": "+s.Text)
	}
	return all
}

func consult(place, doc, backend string) *assist.Consult {
	return &assist.Consult{Place: place, Doc: doc, Task: "summarize", Backend: backend, Bytes: 100}
}

func TestAModelReadsTheLastMessagesThatAreThere(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	var first, second chat.Sent
	w.Must(ann, &chat.Send{Place: "general", Text: "one"}, &first)
	w.Must(root, &chat.Send{Place: "general", Text: "two"}, &second)
	w.Must(ann, &chat.Send{Place: "general", Text: "three"}, nil)
	var r assist.Reading
	w.Told(ann, &assist.Talk{Place: "#general", Limit: 2}, &r)
	require.Equal(t, []string{"root: two", "ann: three"}, said(&r))
	require.Equal(t, "#general", r.Called)
	w.Must(root, &chat.Unsend{ID: second.ID.String()}, nil)
	r = assist.Reading{}
	w.Told(ann, &assist.Talk{Place: "#general", Limit: 2}, &r)
	require.Equal(t, []string{"ann: one", "ann: three"}, said(&r), "what was deleted no model sees, and another one takes its place")
	r = assist.Reading{}
	w.Told(ann, &assist.Talk{Place: "@root", Limit: 5}, &r)
	require.Empty(t, r.Said, "a conversation that was not begun")
	w.Told(ann, &assist.Talk{Limit: 5}, &r)
	require.Empty(t, r.Said)
	w.NotTold(ann, &assist.Talk{Place: "@ann"}, state.Invalid, "CONVERSATION_WITH_SELF")
}

func TestR81_NoModelReadsWhatSomebodyKeepsFromModels(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	off, on := false, true
	w.Must(ann, &chat.Send{Place: "general", Text: "one"}, nil)
	var made document.Item
	w.Must(ann, &document.Create{Title: "Plan", Content: "text", Mode: state.LockAdvisory}, &made)
	id := made.Document.ID.String()
	w.Must(root, &assist.NameBackend{Name: "gemini"}, nil)
	w.Must(root, &chat.UpdateChannel{Place: "general", AI: &off}, nil)
	w.Must(ann, &document.Configure{ID: id, AI: &off}, nil)
	w.NotTold(ann, &assist.Talk{Place: "general", Limit: 5}, state.Precondition, "AI_OFF")
	w.NotTold(ann, &assist.Draft{ID: id}, state.Precondition, "AI_OFF")
	w.Refused(ann, consult("general", "", "gemini"), state.Precondition, "AI_OFF")
	w.Refused(ann, consult("", id, "gemini"), state.Precondition, "AI_OFF")
	w.Must(root, &chat.UpdateChannel{Place: "general", AI: &on}, nil)
	w.Must(ann, &document.Configure{ID: id, AI: &on}, nil)
	var r assist.Reading
	w.Told(ann, &assist.Talk{Place: "general", Limit: 5}, &r)
	require.Equal(t, []string{"ann: one"}, said(&r))
	var p assist.Paper
	w.Told(ann, &assist.Draft{ID: id}, &p)
	require.Equal(t, "text", string(p.Content))
	require.EqualValues(t, 1, p.Version)
}

// Nothing leaves the machine before an admin of the cluster has named where to, and those whose text it is have a say
// afterwards.
func TestR81_TextsGoToTheExternalBackendThatIsNamedUnlessSomebodyHasSomethingAgainstIt(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinInvite}, nil)
	w.Must(ann, &chat.AddMember{Of: chat.Of{Place: "den", User: "bob"}}, nil)
	var made document.Item
	w.Must(ann, &document.Create{Title: "Plan", Content: "text", Mode: state.LockAdvisory}, &made)
	id := made.Document.ID.String()
	w.Must(ann, &document.Share{ID: id, With: document.Whom{User: "bob"}, Role: state.Editor}, nil)
	external := func(a teamtest.Actor) (all [3]string) {
		var r assist.Reading
		w.Told(a, &assist.Talk{Place: "den", Limit: 1}, &r)
		all[0] = r.External
		var p assist.Paper
		w.Told(a, &assist.Draft{ID: id}, &p)
		all[1] = p.External
		w.Told(a, &assist.Talk{}, &r)
		all[2] = r.External
		return all
	}
	require.Equal(t, [3]string{}, external(bob))
	w.Refused(bob, consult("den", "", "gemini"), state.Precondition, "EXTERNAL_OFF")
	w.Refused(bob, consult("", "", "gemini"), state.Precondition, "EXTERNAL_OFF")

	w.Refused(ann, &assist.NameBackend{Name: "gemini"}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.Refused(root, &assist.NameBackend{Name: "Gemini!"}, state.Invalid, "FIELD_INVALID")
	w.Must(root, &assist.NameBackend{Name: "gemini"}, nil)
	require.Equal(t, [3]string{"gemini", "gemini", "gemini"}, external(bob))
	w.Refused(bob, consult("den", "", "openai"), state.Precondition, "EXTERNAL_OFF")
	w.Must(bob, consult("den", "", "gemini"), nil)
	w.Must(bob, consult("", id, "gemini"), nil)
	w.Must(bob, consult("", "", "gemini"), nil)

	w.Refused(bob, &assist.SetExternal{Of: "den"}, state.NotPermitted, "NOT_CHANNEL_ADMIN")
	w.Refused(bob, &assist.SetExternal{Of: id}, state.NotPermitted, "NOT_DOCUMENT_OWNER")
	w.Must(ann, &assist.SetExternal{Of: "den"}, nil)
	w.Must(ann, &assist.SetExternal{Of: id}, nil)
	w.Must(ann, &assist.SetExternal{Of: id}, nil)
	require.Equal(t, [3]string{"", "", "gemini"}, external(bob))
	w.Refused(bob, consult("den", "", "gemini"), state.Precondition, "EXTERNAL_OFF")
	w.Refused(bob, consult("", id, "gemini"), state.Precondition, "EXTERNAL_OFF")
	w.Must(ann, &assist.SetExternal{Of: id, On: true}, nil)
	require.Equal(t, [3]string{"", "gemini", "gemini"}, external(bob))
	w.Must(root, &assist.NameBackend{}, nil)
	require.Equal(t, [3]string{}, external(bob))

	var den string
	for _, line := range w.Audited() {
		if len(line) > 12 && line[:12] == "ai.external " && line[12:17] == "chan_" {
			den = line
		}
	}
	require.Regexp(t, `^ai\.external chan_\w+: summarize: 100 bytes to gemini$`, den, "what goes away is written down, and not what is in it")
	actions := w.Audited()
	require.Contains(t, actions, "ai.external question: summarize: 100 bytes to gemini")
	require.Contains(t, actions, "ai.external "+id+": summarize: 100 bytes to gemini")
	require.Contains(t, actions, "ai.backend gemini")
	require.Contains(t, actions, "ai.backend none")
	require.Contains(t, actions, "document.set "+id+": external off")
}

func TestR81_OfAConversationNothingLeavesTheMachineBeforeBothHaveAgreed(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob, eve := w.User("ann"), w.User("bob"), w.User("eve")
	w.Must(root, &assist.NameBackend{Name: "gemini"}, nil)
	w.Refused(ann, &assist.SetExternal{Of: "@bob", On: true}, state.NotFound, "PLACE_NOT_FOUND")
	var sent chat.Sent
	w.Must(ann, &chat.Send{Place: "@bob", Text: "psst"}, &sent)
	var r assist.Reading
	may := func(want string) {
		t.Helper()
		for _, of := range []struct {
			who   teamtest.Actor
			place string
		}{{ann, "@bob"}, {bob, "@ann"}} {
			w.Told(of.who, &assist.Talk{Place: of.place, Limit: 5}, &r)
			require.Equal(t, want, r.External)
			if want == "" {
				w.Refused(of.who, consult(of.place, "", "gemini"), state.Precondition, "EXTERNAL_OFF")
			} else {
				w.Must(of.who, consult(of.place, "", "gemini"), nil)
			}
		}
	}
	may("")
	var rules assist.Rules
	w.Must(ann, &assist.SetExternal{Of: "@bob", On: true}, &rules)
	require.Equal(t, [3]bool{false, true, false}, [3]bool{rules.External, rules.Mine, rules.Other})
	may("")
	w.Told(bob, &assist.Policy{Of: "@ann"}, &rules)
	require.Equal(t, [3]bool{false, false, true}, [3]bool{rules.External, rules.Mine, rules.Other})
	w.Must(bob, &assist.SetExternal{Of: "@ann", On: true}, nil)
	may("gemini")
	w.Must(ann, &assist.SetExternal{Of: "@bob"}, nil)
	may("")
	conversation := (&state.Place{ID: sent.ID.Place, Kind: state.Conversation}).IDString()
	for _, other := range []teamtest.Actor{eve, root} { // no admin decides for the two
		w.Refused(other, &assist.SetExternal{Of: conversation, On: true}, state.NotFound, "PLACE_NOT_FOUND")
		w.NotTold(other, &assist.Talk{Place: conversation, Limit: 1}, state.NotFound, "PLACE_NOT_FOUND")
	}
	w.Must(ann, &assist.SetExternal{Of: conversation, On: true}, nil)
	may("gemini")
}
