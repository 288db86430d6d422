package file_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/blob"
	"parley/statemachine"
	"parley/statemachine/chat"
	"parley/statemachine/file"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// attach uploads a content and puts it into a place.
func attach(w *teamtest.World, a teamtest.Actor, place, name, content string) (f file.Attached) {
	w.Must(a, &file.Attach{Place: place, Name: name, Size: uint64(len(content)), Sum: w.Upload(a, content), Type: "text/plain", Description: "a " + name}, &f)
	return f
}

func files(w *teamtest.World, a teamtest.Actor, place string) (names []string) {
	for q := (file.Files{Place: place, Limit: 2}); ; {
		var page file.FilesPage
		w.Told(a, &q, &page)
		for _, f := range page.Files {
			names = append(names, f.Name)
		}
		if q.Before = page.Next; q.Before == 0 {
			return names
		}
	}
}

func TestR41_AFileIsPutIntoAChannelOrAConversation(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	from := w.At
	f := attach(w, ann, "#general", "plan.txt", "the plan")
	require.Equal(t, file.Attached{File: f.File, PlaceID: "chan_1", Called: "#general", OwnerName: "ann"}, f)
	require.Equal(t, []any{"plan.txt", uint64(8), blob.SumOf([]byte("the plan")), "text/plain", "a plan.txt", ann.ID},
		[]any{f.Name, f.Size, blob.Sum(f.Sum), f.Type, f.Description, f.Owner})
	seen := w.Seen(bob, from)
	require.Len(t, seen, 1)
	require.Equal(t, f.File, seen[0].File)
	require.Equal(t, "@bob", attach(w, ann, "@bob", "a", "between us").Called, "it begins the conversation")
	require.Equal(t, []string{"a"}, files(w, bob, "@ann"), "R43: files of conversations too")
	w.NotTold(root, &file.Files{Place: "conv_" + strings.TrimPrefix(state.FileID(w.At).String(), "file_")}, state.NotFound, "PLACE_NOT_FOUND")

	l := state.DefaultLimits()
	big := &file.Attach{Place: "#general", Name: "big", Size: uint64(l.FileBytesMax) + 1}
	require.Equal(t, "size", w.Refused(ann, big, state.Invalid, "FILE_TOO_LARGE").Field)
	w.NotTold(ann, &file.MayAttach{Place: "#general", Size: big.Size}, state.Invalid, "FILE_TOO_LARGE")

	var sent chat.Sent
	w.Must(ann, &chat.Send{Place: "#general", Text: "see this", File: f.ID.String()}, &sent)
	var m chat.Message
	w.Told(bob, &chat.GetMessage{ID: sent.ID.String()}, &m)
	require.Equal(t, f.ID, m.File)
	w.Refused(bob, &chat.Send{Place: "#general", Text: "mine", File: f.ID.String()}, state.NotFound, "FILE_NOT_FOUND")
	w.Refused(ann, &chat.Send{Place: "@bob", Text: "there", File: f.ID.String()}, state.NotFound, "FILE_NOT_FOUND")
}

// The sum of a content is no secret, the content may be.
func TestR42_OnlyContentThatTheCallerUploadedIsNamed(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	sum := w.Upload(ann, "the plan")
	a := file.Attach{Place: "#general", Name: "plan", Size: 8, Sum: sum}
	others := w.Refused(bob, &a, state.Precondition, "NOT_UPLOADED")
	wrong := a
	wrong.Size = 9
	require.Equal(t, others, w.Refused(ann, &wrong, state.Precondition, "NOT_UPLOADED"))
	unknown := a
	unknown.Sum[0]++
	require.Equal(t, others, w.Refused(bob, &unknown, state.Precondition, "NOT_UPLOADED"))
	w.Must(ann, &a, nil)
	require.Equal(t, others, w.Refused(bob, &a, state.Precondition, "NOT_UPLOADED"), "that it is here already helps nobody")

	// A machine without a node around it has no contents.
	at := w.Entry(ann)
	answer := w.M.Apply(at, statemachine.AppendCommand(nil, ann.Head, &a))
	require.Equal(t, others, state.DecodeReply(answer, nil))
}

// As long as a file names a content it is kept on every member, whatever becomes of its pin.
func TestR42_AContentIsWantedAsLongAsAFileNamesIt(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	one, two := attach(w, ann, "#general", "one", "content"), attach(w, ann, "@root", "two", "content")
	w.Blobs.Expire(w.Now.Add(1 << 50))
	require.Equal(t, uint64(1), w.Blobs.Count())
	w.Must(ann, &file.Remove{ID: one.ID.String()}, nil)
	require.Equal(t, uint64(1), w.Blobs.Count(), "another file has the same content")
	w.Must(ann, &file.Remove{ID: two.ID.String()}, nil)
	require.Zero(t, w.Blobs.Count())
}

func TestR43_FilesAreListedNewestFirstAndRemovedByWhoMay(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(bob, &chat.Join{Place: "#club"}, nil)
	var ids []string
	for i, a := range []teamtest.Actor{ann, bob, ann, bob, ann} {
		ids = append(ids, attach(w, a, "#club", fmt.Sprint(i), fmt.Sprint("content ", i)).ID.String())
	}
	require.Equal(t, strings.Fields("4 3 2 1 0"), files(w, bob, "#club"))
	w.Refused(bob, &file.Remove{ID: ids[0]}, state.NotPermitted, "NOT_UPLOADER")
	w.Must(bob, &file.Remove{ID: ids[1]}, nil)
	w.Must(ann, &file.Remove{ID: ids[3]}, nil) // as an admin of the channel
	require.Contains(t, w.Audited()[len(w.Audited())-1], ids[3]+" of bob")
	w.Refused(bob, &file.Remove{ID: ids[1]}, state.NotFound, "FILE_NOT_FOUND")
	require.Equal(t, strings.Fields("4 2 0"), files(w, bob, "#club"))
	seen := w.Seen(bob, w.At-2)
	require.Equal(t, state.EventFileRemoved, seen[0].Kind)
}

func TestR44_AFileIsThereForWhoMayReadItsPlace(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinInvite}, nil)
	f := attach(w, ann, "#den", "plan", "the plan")
	for _, a := range []teamtest.Actor{root, bob} {
		w.NotTold(a, &file.FileOf{ID: f.ID.String()}, state.NotFound, "FILE_NOT_FOUND")
	}
	w.Must(ann, &chat.AddMember{Of: chat.Of{Place: "#den", User: "bob"}}, nil)
	var seen file.Attached
	w.Told(bob, &file.FileOf{ID: f.ID.String()}, &seen)
	require.Equal(t, f, seen)
	w.Must(ann, &chat.RemoveMember{Of: chat.Of{Place: "#den", User: "bob"}}, nil)
	w.NotTold(bob, &file.FileOf{ID: f.ID.String()}, state.NotFound, "FILE_NOT_FOUND")
}

func TestR46_FilesCountAgainstTheirOwnersQuota(t *testing.T) {
	l := state.DefaultLimits()
	l.QuotaBytes, l.FilesPerPlaceMax = 10, 3
	w, _ := teamtest.New(t, l)
	ann, bob := w.User("ann"), w.User("bob")
	six := attach(w, ann, "#general", "six", "123456")
	var q file.Quota
	w.Told(ann, &file.MayAttach{Place: "#general", Size: 4}, &q)
	require.Equal(t, file.Quota{Used: 6, Most: 10}, q)
	w.NotTold(ann, &file.MayAttach{Place: "#general", Size: 5}, state.Exhausted, "QUOTA_EXCEEDED")
	five := &file.Attach{Place: "#general", Name: "five", Size: 5, Sum: w.Upload(ann, "12345")}
	w.Refused(ann, five, state.Exhausted, "QUOTA_EXCEEDED")
	attach(w, bob, "#general", "ten", "1234567890")
	w.Must(ann, &file.Remove{ID: six.ID.String()}, nil)
	w.Must(ann, five, nil)
	attach(w, ann, "#general", "empty", "")
	w.Refused(ann, &file.Attach{Place: "#general", Name: "more", Size: 1, Sum: w.Upload(ann, "1")}, state.Exhausted, "FILES_FULL")
}
