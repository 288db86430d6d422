package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"
)

func TestR31_R32_R40_AnswersEditsDeletionsAndReactionsAreShown(t *testing.T) {
	town := newTown()
	ctx := context.Background()
	bob := town.visitAs("bob")
	d := newDesk(t, town.visitAs("alice"), 80, 20)
	d.types("join general<enter>shall we meet at noon?<enter>")
	question := d.room("chan_1").messages[0].ID
	_, err := bob.Send(ctx, Draft{Key: "b1", Place: "chan_1", Text: "yes", ReplyTo: question})
	require.NoError(t, err)
	d.hear()
	d.types("/react <tab><tab>") // the newest message
	require.Equal(t, "/react "+d.room("chan_1").messages[1].ID, d.input.text())
	d.types(" 🎉<enter>")
	require.NoError(t, bob.React(ctx, question, "👍", true))
	require.NoError(t, bob.React(ctx, question, "🎉", true))
	town.says("charlie", "#general", "something rude")
	town.says("charlie", "#general", "oops")
	d.hear()
	d.types("/unsend " + d.room("chan_1").messages[2].ID + "<enter>")
	charlie := town.visitAs("charlie")
	require.NoError(t, charlie.Delete(ctx, d.room("chan_1").messages[3].ID))
	d.types("/edit " + strings.TrimPrefix(question, "msg_") + " shall we meet at one?<enter>")
	d.hear()
	d.ring()
	d.shows("answers")
	require.NoError(t, bob.React(ctx, question, "👍", false))
	d.hear()
	d.ring()
	require.NotContains(t, d.look(), "👍")
	d.types("/edits " + question + "<enter>/thread " + question + "<enter>")
	d.shows("edits-and-thread")
}

func TestR33_AMentionStandsOutAndIsCounted(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 60, 10)
	town.says("bob", "#tech", "@alice, look")
	d.hear()
	require.Contains(t, d.look(), "+1 @1", "without room for the list the title counts")
	d.types("mentions<enter>")
	require.Contains(t, d.look(), "#tech")
	d.types("switch tech<enter>")
	found := false
	for _, l := range d.view().lines {
		for _, p := range l {
			found = found || p.style == mention && strings.Contains(p.text, "look")
		}
	}
	require.True(t, found)
}

// At stake: a message that scrolls away while somebody reads it.
func TestAReaderOfOlderMessagesIsNotMovedByNewOnes(t *testing.T) {
	town := newTown()
	for i := range 200 {
		town.says("bob", "#general", fmt.Sprintf("message %d", i))
	}
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	require.Len(t, d.room("chan_1").messages, pageMessages)
	d.types("<pgup><pgup>")
	before := d.pane()
	town.says("charlie", "#general", strings.Repeat("a long one ", 30))
	town.says("charlie", "#general", "and a short one")
	d.hear()
	require.Equal(t, before, d.pane())
	require.Contains(t, d.look(), "lines below: Esc")
	d.shows("scrolled")
	for range 30 {
		d.types("<pgup>")
	}
	require.Contains(t, d.look(), "message 0", "older pages are read on the way up")
	require.False(t, d.room("chan_1").more)
	require.Len(t, d.room("chan_1").messages, 202)
	for i := 1; i < 202; i++ {
		require.Less(t, d.room("chan_1").messages[i-1].Position, d.room("chan_1").messages[i].Position)
	}
	d.types("<pgup>")
	require.Contains(t, d.look(), "message 0")
	d.types("<esc>")
	require.Contains(t, d.look(), "and a short one")
}

// At stake: an edit that is lost because the page that was on its way is older than the edit.
func TestWhatHappensWhileAPageIsOnItsWayIsNotLost(t *testing.T) {
	town := newTown()
	bob := town.visitAs("bob")
	ctx := context.Background()
	_, err := bob.Send(ctx, Draft{Key: "1", Place: "chan_1", Text: "before"})
	require.NoError(t, err)
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	id := town.named("general").messages[0].ID
	d.hold = true
	d.types("join general<enter>")
	page, err := d.v.History(ctx, "chan_1", Page{Limit: 60}) // as it is read now
	require.NoError(t, err)
	require.NoError(t, bob.Edit(ctx, id, "after"))
	require.NoError(t, bob.React(ctx, id, "👍", true))
	town.says("bob", "#general", "a new one")
	d.hear()
	load := d.held[0]
	d.held = d.held[1:]
	d.put(late(load, page))
	d.release()
	d.ring()
	require.Contains(t, d.look(), "bob: after (edited)")
	require.Contains(t, d.look(), "👍 1")
	require.Equal(t, 1, strings.Count(d.look(), "a new one"))
}

// older is a backend that answers with a page that was read a while ago.
type older struct {
	*visitor
	page History
}

func (o older) History(context.Context, PlaceID, Page) (History, error) { return o.page, nil }

// late is the answer to the call for a page, if it was read a while ago.
func late(e effect, page History) answer {
	return runEffect(context.Background(), e, older{page: page}, nil)
}

// At stake: messages of one person in another order than he wrote them.
func TestR98_MessagesAreSentOneByOneInTheOrderOfTheirWriting(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	d.hold = true
	d.types("one<enter>two<enter>three<enter>four")
	require.Len(t, sends(d), 1, "one at a time")
	d.shows("sending")
	d.v.refuse = &Error{Kind: Unavailable, Text: "no quorum"}
	d.release()
	require.Equal(t, []string{"two", "three"}, texts(d))
	d.shows("failed")
	d.types("<ctrl+r>")
	require.Equal(t, []string{"two", "three", "one"}, texts(d))
	require.Equal(t, "four", d.input.text())
	d.v.refuse = &Error{Kind: NotPermitted, Text: "The channel is archived"}
	d.types("<enter>")
	require.Equal(t, 1, d.undelivered())
	d.types("<ctrl+x>")
	require.Zero(t, d.undelivered())
	require.Equal(t, "four", d.input.text(), "the text comes back")
}

func sends(d *desk) (n []effect) {
	for _, e := range d.held {
		if e.limit == sendTime {
			n = append(n, e)
		}
	}
	return n
}

func texts(d *desk) (all []string) {
	for _, m := range d.room(d.open).messages {
		all = append(all, m.Text)
	}
	return all
}

// At stake: a message that is stored twice because its first answer was lost.
func TestR98_AMessageOfUnknownFateIsAskedForWhenTheConnectionIsBack(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 100, 16)
	d.types("join general<enter>")
	d.v.refuse = errors.New("stream broken") // an error that says nothing of the outcome
	d.types("hello<enter>")
	require.Contains(t, d.look(), "? not known whether it was sent: stream broken")
	d.put([]Event{{Kind: Lost, Text: "gone"}, {Kind: Reconnecting}, {Kind: Reconnecting}})
	require.Contains(t, d.look(), "no connection, reconnecting (2): gone")
	d.put([]Event{{Kind: Connected, Text: "node-3"}, {Kind: CaughtUp}})
	require.Contains(t, d.look(), "alice: hello ✓")
	require.Len(t, town.named("general").messages, 1)
	require.Empty(t, d.outbox)
}

// At stake: the words of one person under another one's name.
func TestALetterIsNotSentUnderAnotherName(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	d.v.refuse = &Error{Kind: Unavailable, Text: "no quorum"}
	d.types("I am alice<enter>/logout<enter>")
	require.Contains(t, d.look(), "Some messages are not sent")
	require.NotNil(t, d.me)
	d.v.push(Event{Kind: Revoked})
	d.hear()
	require.Nil(t, d.me)
	require.Contains(t, d.look(), "This login was ended elsewhere")
	d.types("login bob<enter>bob123<enter>")
	require.Empty(t, d.outbox)
	require.Contains(t, d.look(), "Not sent, as alice wrote it: I am alice")
	require.Empty(t, town.named("general").messages)
}

// At stake: what one user's shell shows of the user before him.
func TestR8_AnotherLoginSeesNothingOfTheOneBefore(t *testing.T) {
	town := newTown()
	town.says("bob", "@alice", "between us")
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("dm bob<enter>")
	require.Contains(t, d.look(), "between us")
	d.types("/logout<enter>")
	require.NotContains(t, d.look(), "between us")
	d.types("login charlie<enter>charlie123<enter>")
	require.NotContains(t, labels(d), "@alice")
	require.NotContains(t, d.look(), "between us")
	require.Contains(t, d.look(), "charlie on node-1")
}

// An answer to the user before is about somebody else.
func TestR8_AnAnswerToAnEarlierLoginIsDropped(t *testing.T) {
	town := newTown()
	town.says("bob", "#general", "for alice's eyes")
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.hold = true
	d.types("search eyes<enter>")
	held := d.held
	d.held = nil
	d.hold = false
	var late []any
	for _, e := range held {
		late = append(late, runEffect(context.Background(), e, d.v, nil))
	}
	d.v.push(Event{Kind: Revoked})
	d.hear()
	for _, a := range late {
		d.put(a)
	}
	require.NotContains(t, d.look(), "for alice's eyes")
	require.Zero(t, d.busy)
}

// When some events will never come, what is shown is read anew.
func TestR71_AResyncReadsAnewWhatIsShown(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	town.says("bob", "#general", "seen")
	d.hear()
	d.types("/dm bob<enter>/switch general<enter>")
	town.says("bob", "#general", "missed")
	d.v.pending() // the stream loses it
	d.put([]Event{{Kind: Resync}})
	require.Equal(t, []string{"seen", "missed"}, texts(d))
	d.ring()
	p, _ := d.channel("general")
	require.Zero(t, p.Unread)
}

// At stake: memory that grows for as long as the shell is open.
func TestAPlaceThatIsFollowedForgetsItsOldestMessages(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	for i := range roomMessagesMax + 100 {
		town.says("bob", "#general", fmt.Sprint("number ", i))
		d.hear()
	}
	require.Len(t, d.room("chan_1").messages, roomMessagesMax)
	for range 200 {
		d.types("<pgup>")
	}
	require.Contains(t, d.look(), "bob: number 0\n")
}

func TestLinesOfAPasteAreOneMessage(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	d.put(tea.PasteMsg{Content: "first\r\n\tsecond\x1b[31m\rthird"})
	d.types("<alt+enter>fourth")
	d.shows("paste")
	d.types("<enter>")
	require.Equal(t, []string{"first\n second[31m\nthird\nfourth"}, texts(d))
	d.shows("paste-sent")
}

// At stake: a message that stands there twice for a moment, as its event was faster than its answer.
func TestR98_AMessageWhoseEventIsFasterThanItsAnswerIsShownOnce(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 90, 12)
	d.types("join general<enter>")
	d.hold = true
	d.types("hello<enter>")
	send := sends(d)[0]
	require.Contains(t, d.look(), "alice: hello … sending")
	answer := runEffect(context.Background(), send, d.v, nil)
	d.hear()
	require.Equal(t, 1, strings.Count(d.look(), "alice: hello"))
	require.Contains(t, d.look(), "alice: hello ✓")
	d.put(answer)
	require.Equal(t, 1, strings.Count(d.look(), "alice: hello"))
	require.Empty(t, d.outbox)
}

// At stake: a message that was refused, hidden behind one with the same words.
func TestR98_AMessageThatFailedIsNotTakenForAnotherOneOfItsWords(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 90, 12)
	d.types("join general<enter>")
	d.v.refuse = &Error{Kind: Unavailable, Text: "no quorum"}
	d.types("ok<enter>ok<enter>")
	require.Equal(t, []string{"ok"}, texts(d))
	require.Contains(t, d.look(), "alice: ok ✗ failed: no quorum")
	d.types("<ctrl+r>")
	require.Equal(t, []string{"ok", "ok"}, texts(d))
}

// Pages, events and answers overtake one another; what is newer stays.
func TestAnOlderAnswerDoesNotUndoANewerOne(t *testing.T) {
	var r room
	at := func(asOf Position, text string) Message {
		return Message{ID: "msg_5", Position: 5, Text: text, AsOf: asOf}
	}
	require.True(t, r.add(at(7, "second")))
	require.False(t, r.add(at(6, "first")))
	require.Equal(t, "second", r.messages[0].Text)
	r.apply(Event{Kind: Edited, Position: 6, Message: at(6, "first")})
	require.Equal(t, "second", r.messages[0].Text)
	r.apply(Event{Kind: Edited, Position: 9, Message: at(8, "third")})
	require.Equal(t, "third", r.messages[0].Text)
	r.apply(Event{Kind: Edited, Position: 9, Message: at(9, "the same again")})
	require.Equal(t, "third", r.messages[0].Text, "what is in it already changes nothing")
	r.apply(Event{Kind: Deleted, Position: 8, Message: Message{ID: "msg_5", Deleted: BySender}})
	require.Equal(t, NotDeleted, r.messages[0].Deleted)
	r.apply(Event{Kind: Deleted, Position: 10, Message: Message{ID: "msg_5", Deleted: ByAdmin}})
	require.Equal(t, ByAdmin, r.messages[0].Deleted)
	require.Empty(t, r.messages[0].Text)
	r.apply(Event{Kind: Edited, Position: 11, Message: Message{ID: "msg_6", Text: "of a message that is not there"}})
	require.Len(t, r.messages, 1)
}

// At stake: what somebody reads, gone from under his eyes.
func TestAPlaceForgetsNothingWhileItsReaderIsFurtherUp(t *testing.T) {
	town := newTown()
	for i := range roomMessagesMax {
		town.says("bob", "#general", fmt.Sprint("number ", i))
	}
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	for range 200 {
		d.types("<pgup>")
	}
	for range 20 {
		town.says("bob", "#general", "more")
	}
	d.hear()
	require.Contains(t, d.look(), "bob: number 0\n")
	d.types("<esc>")
	town.says("bob", "#general", "the last one")
	d.hear()
	require.Len(t, d.room("chan_1").messages, roomMessagesMax)
}

// What was told to one user, and was on its way when another one logged in, is nobody's: "@bob" is another conversation to
// each of them.
func TestR8_WhatWasOnItsWayToAnotherUserIsNotShown(t *testing.T) {
	town := newTown()
	town.says("bob", "@charlie", "hello charlie")
	d := newDesk(t, town.visitAs("charlie"), 80, 16)
	d.types("dm bob<enter>")
	place := d.open
	secret := Message{ID: "msg_9", Place: place, Position: 900, Sender: "bob", Text: "between us", AsOf: 900}
	d.put([]Event{{Kind: Posted, Position: 900, Reader: "alice", Place: place, Message: secret}, {Kind: Revoked, Reader: "alice"}})
	require.NotContains(t, d.look(), "between us")
	require.Equal(t, "charlie", d.user())
	d.put([]Event{{Kind: Posted, Position: 900, Reader: "charlie", Place: place, Message: secret}})
	require.Contains(t, d.look(), "between us")
}

// An event tells the new text and no more: what was said of the old one stays until the message is read again.
func TestR32_AnEditLeavesTheReactionsWhereTheyAre(t *testing.T) {
	town := newTown()
	bob := town.visitAs("bob")
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>")
	town.says("bob", "#general", "shall we, @alice?")
	d.hear()
	id := d.room("chan_1").messages[0].ID
	require.NoError(t, bob.React(context.Background(), id, "🎉", true))
	d.hear()
	d.ring()
	require.Contains(t, d.look(), "🎉 1")
	d.put([]Event{{Kind: Edited, Position: 900, Place: "chan_1", Message: Message{ID: id, Place: "chan_1", Text: "shall we all?", AsOf: 900}}})
	require.Contains(t, d.look(), "bob: shall we all? (edited)")
	require.Contains(t, d.look(), "🎉 1")
	require.Len(t, d.timers, 1, "it is going to be read again, once")
}

// Files stand beside the messages of a place: whoever is there learns of them, and how to get them.
func TestR41_AFileThatSomebodyPutsHereIsShown(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>half a sen")
	file := File{ID: "file_7", Name: "map\x1b[2J.txt", Uploader: "bob", Size: 2048}
	d.put([]Event{
		{Kind: Filed, Position: 900, Place: "chan_1", User: "bob", File: file},
		{Kind: Filed, Position: 901, Place: "chan_1", User: "alice", File: File{ID: "file_8", Name: "mine.txt", Uploader: "alice"}},
		{Kind: Filed, Position: 902, Place: "chan_2", User: "bob", File: File{ID: "file_9", Name: "elsewhere.txt", Uploader: "bob"}},
	})
	require.Contains(t, d.look(), "bob has put map[2J.txt here (2.0 KiB): /download file_7")
	require.NotContains(t, d.look(), "mine.txt", "whoever has put it was told so")
	require.NotContains(t, d.look(), "elsewhere.txt")
	require.Equal(t, "half a sen", d.input.text())
	d.types("<ctrl+u>/switch random<enter>")
	require.Contains(t, d.look(), "elsewhere.txt")
}
