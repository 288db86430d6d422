package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/statemachine/chat"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// search returns the texts found, over all pages.
func search(w *teamtest.World, a teamtest.Actor, text string) (all []string) {
	return searchIn(w, a, chat.Search{Text: text})
}

func searchIn(w *teamtest.World, a teamtest.Actor, q chat.Search) (all []string) {
	for {
		var found chat.Found
		w.Told(a, &q, &found)
		for _, m := range found.Messages {
			all = append(all, m.Text)
		}
		if found.Next == 0 {
			return all
		}
		if q.Before != 0 {
			require.Less(w.T, found.Next, q.Before, "a page goes on")
		}
		q.Before = found.Next
	}
}

func TestR34_SearchFindsAllWordsWhateverTheirCaseNewestFirst(t *testing.T) {
	w, _, ann, bob, cid := newWorld(t)
	for _, text := range []string{"Die STRASSE nach Süden", "die Straße, nach süden!", "a cat", "concatenate", "the cat and the dog", "КОТ и пёс",
		"Ναι, ΣΊΣΥΦΟΣ", "今日は晴れ", "naïve nai\u0308ve", "R2-D2 x86_64", "@bob #general"} {
		send(w, ann, "#general", text)
	}
	for query, want := range map[string]string{
		"CAT":             "the cat and the dog|a cat",
		"dog CAT the":     "the cat and the dog",
		"cat bird":        "",
		"süden":           "die Straße, nach süden!|Die STRASSE nach Süden",
		"SÜDEN, die":      "die Straße, nach süden!|Die STRASSE nach Süden",
		"straße":          "die Straße, nach süden!", // ß and ss are two words: folding is letter by letter
		"кот":             "КОТ и пёс",
		"σίσυφος":         "Ναι, ΣΊΣΥΦΟΣ",
		"晴れ":              "今日は晴れ",
		"nai\u0308ve":     "naïve nai\u0308ve",
		"d2":              "R2-D2 x86_64",
		"86":              "",
		"bob":             "@bob #general",
		"\u212Aelvin cat": "",
	} {
		require.Equal(t, want, strings.Join(search(w, bob, query), "|"), query)
	}
	for _, query := range []string{"", "  ", "!?", "a b c d e f g h i j k l m n o p q"} {
		require.Equal(t, "query", w.NotTold(bob, &chat.Search{Text: query}, state.Invalid, "QUERY_INVALID").Field, query)
	}
	w.NotTold(bob, &chat.Search{Text: strings.Repeat("x", 1025)}, state.Invalid, "TOO_LONG")

	// Never in what one may not read.
	send(w, ann, "@bob", "a cat between us")
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	send(w, ann, "#club", "a cat in the club")
	require.Equal(t, []string{"the cat and the dog", "a cat"}, search(w, cid, "cat"))
	require.Equal(t, []string{"a cat between us", "the cat and the dog", "a cat"}, search(w, bob, "cat"))
	require.Equal(t, []string{"a cat in the club", "a cat between us", "the cat and the dog", "a cat"}, search(w, ann, "cat"))
	require.Equal(t, []string{"a cat between us"}, searchIn(w, ann, chat.Search{Text: "cat", Place: "@bob"}))
	require.Empty(t, searchIn(w, ann, chat.Search{Text: "cat", Place: "@cid"}), "not begun")
}

func TestR34_APageHasTwentyAndItsCursorGoesOn(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	for i := range 45 {
		send(w, ann, []string{"#general", "@bob"}[i%2], fmt.Sprint("cat ", i))
	}
	var found chat.Found
	w.Told(bob, &chat.Search{Text: "cat"}, &found)
	require.Len(t, found.Messages, 20)
	require.Len(t, search(w, bob, "cat"), 45)
}

// A query looks at so many messages and no more; the cursor goes on where it stopped, with nothing left out or told twice, however
// places and messages lie.
func TestSearchGoesThroughAllPlacesInOneOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := state.DefaultLimits()
		l.SearchRowsMax = rapid.IntRange(1, 30).Draw(t, "rows")
		w, _ := teamtest.New(t, l)
		ann := w.User("ann")
		places := []string{"#general", "#aaa", "#bbb", "@root"}
		w.Must(ann, &chat.CreateChannel{Name: "aaa", Join: state.JoinOpen}, nil)
		w.Must(ann, &chat.CreateChannel{Name: "bbb", Private: true, Join: state.JoinInvite}, nil)
		var want []string
		for i := range rapid.IntRange(0, 60).Draw(t, "messages") {
			text := fmt.Sprint(i, " ", rapid.SampledFrom([]string{"cat", "dog", "CAT dog"}).Draw(t, "text"))
			id := send(w, ann, rapid.SampledFrom(places).Draw(t, "place"), text)
			if rapid.IntRange(0, 9).Draw(t, "deleted") == 0 {
				w.Must(ann, &chat.Unsend{ID: id}, nil)
			} else if strings.Contains(strings.ToLower(text), "cat") {
				want = append([]string{text}, want...)
			}
		}
		limit := rapid.Uint64Range(0, 5).Draw(t, "limit")
		require.Equal(t, want, searchIn(w, ann, chat.Search{Text: "cat", Limit: limit}))
		var found chat.Found
		w.Told(ann, &chat.Search{Text: "cat", Before: 1}, &found)
		require.Empty(t, found.Messages)
	})
}
