package shell

import (
	"context"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"
)

func TestR24_MembersAreShownWithBadgeAndPresence(t *testing.T) {
	town := newTown()
	town.visitAs("bob")
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>/members<enter>")
	d.shows("members")
}

func TestR38_ConversationsStandWithTheNewestFirst(t *testing.T) {
	town := newTown()
	town.visitAs("charlie")
	town.says("bob", "@alice", "did you see this?")
	town.says("charlie", "@alice", "lunch?")
	d := newDesk(t, town.visitAs("alice"), 90, 16)
	d.types("conversations<enter>")
	d.shows("conversations")
	town.says("bob", "@alice", "hello?")
	d.hear()
	require.Equal(t, []string{"#general", "#random", "#tech", "@bob", "@charlie"}, labels(d))
	d.types("dm charlie<enter>at noon<enter>")
	require.Equal(t, []string{"#general", "#random", "#tech", "@charlie", "@bob"}, labels(d))
	d.shows("conversation")
}

func labels(d *desk) (all []string) {
	for _, p := range d.mine() {
		all = append(all, label(p))
	}
	return all
}

// At stake: somebody writes to the wrong people.
func TestBackGoesToWhereOneCameFrom(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	where := func() string { return d.labelOf(d.open) }
	d.types("join general<enter>/join tech<enter>/dm bob<enter>")
	require.Equal(t, "@bob", where())
	d.types("/back<enter>")
	require.Equal(t, "#tech", where())
	d.types("/back<enter>")
	require.Equal(t, "the lobby", where(), "from a channel to the lobby")
	d.types("back<enter>")
	require.Equal(t, "the lobby", where())
	d.types("dm bob<enter>/dm charlie<enter>/back<enter>/back<enter>")
	require.Equal(t, "the lobby", where())
}

// At stake: a text that is half written when somebody looks into another place.
func TestEachPlaceKeepsWhatIsBeingWrittenThere(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 90, 12)
	d.types("join general<enter>for all")
	d.types("<alt+down>for the few")
	require.Equal(t, "#random", d.labelOf(d.open))
	d.types("<alt+up>")
	require.Equal(t, "for all", d.input.text())
	d.types("<alt+down>")
	require.Equal(t, "for the few", d.input.text())
	d.types("<alt+up><enter>")
	require.Equal(t, "for all", d.room("chan_1").messages[0].Text)
	require.Empty(t, d.input.text())
}

// At stake: what a removed user goes on seeing.
func TestR22_WhoIsRemovedIsInTheLobbyAndThePlaceIsGone(t *testing.T) {
	town := newTown()
	admin := town.visitAs("alice")
	town.says("alice", "#tech", "a secret")
	d := newDesk(t, town.visitAs("bob"), 90, 12)
	d.types("switch tech<enter>")
	require.Contains(t, d.look(), "a secret")
	require.NoError(t, admin.RemoveMember(context.Background(), "chan_3", "bob"))
	d.hear()
	d.ring()
	require.Equal(t, PlaceID(""), d.open)
	require.NotContains(t, d.look(), "a secret")
	require.Contains(t, d.look(), "You were removed from #tech")
	require.Equal(t, []string{"#general", "#random"}, labels(d))
	require.NotContains(t, d.rooms, PlaceID("chan_3"))
}

func TestWhoIsAddedToAChannelSeesIt(t *testing.T) {
	town := newTown()
	admin := town.visitAs("alice")
	ctx := context.Background()
	p, err := admin.CreateChannel(ctx, NewChannel{Name: "plans", Private: true})
	require.NoError(t, err)
	d := newDesk(t, town.visitAs("bob"), 90, 12)
	require.NotContains(t, labels(d), "#plans")
	require.NoError(t, admin.AddMember(ctx, p.ID, "bob"))
	d.hear()
	d.ring()
	require.Contains(t, labels(d), "#plans")
	require.Contains(t, d.look(), "alice has added you to #plans")
}

func TestR25_CountsOfOtherMachinesAreHeard(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	town.says("bob", "#tech", "one")
	town.says("bob", "#tech", "two @alice")
	d.hear()
	p, _ := d.channel("tech")
	require.Equal(t, [2]int{2, 1}, [2]int{p.Unread, p.Mentions})
	other := town.visitAs("alice") // reads it elsewhere
	require.NoError(t, other.MarkRead(context.Background(), "chan_3", town.position))
	d.hear()
	d.ring()
	p, _ = d.channel("tech")
	require.Equal(t, [2]int{0, 0}, [2]int{p.Unread, p.Mentions})
}

// At stake: a message that counts as read although nobody saw it.
func TestOnlyWhatIsSeenIsRead(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	read := func() Position { return town.named("general").read["alice"] }
	d.types("join general<enter>")
	town.says("bob", "#general", "one")
	d.hear()
	require.Equal(t, town.position, read(), "the place is open and its end is seen")
	d.put(tea.BlurMsg{})
	town.says("bob", "#general", "two")
	d.hear()
	require.Less(t, read(), town.position, "the window is behind another one")
	d.put(tea.FocusMsg{})
	require.Equal(t, town.position, read())
	for range 20 {
		town.says("bob", "#general", "more")
	}
	d.hear()
	d.types("<pgup>")
	town.says("bob", "#general", "three")
	d.hear()
	require.Less(t, read(), town.position, "the reader is further up")
	p := d.place("chan_1")
	require.Equal(t, 1, p.Unread)
	d.types("<esc>")
	require.Equal(t, town.position, read())
	require.Zero(t, d.place("chan_1").Unread)
}

func TestR68_WhoComesAndGoesIsShown(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	d.types("dm bob<enter>")
	require.Contains(t, d.look(), "@bob · Bob · offline")
	bob := town.visit()
	_, err := bob.LogIn(context.Background(), "bob", "bob123")
	require.NoError(t, err)
	d.hear()
	require.Contains(t, d.look(), "@bob · Bob · online")
	require.Contains(t, d.look(), "bob is online")
	d.types("<alt+up>")
	require.Contains(t, d.look(), "● @bob")
	d.types("<alt+down>")
	require.NoError(t, bob.Typing(context.Background(), d.open))
	d.hear()
	require.Contains(t, d.look(), "bob is writing…")
	d.ring()
	require.NotContains(t, d.look(), "writing")
}

// At stake: a message that no count holds, as it came while an older list was on its way.
func TestR25_AListThatIsOlderThanAMessageDoesNotUncountIt(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	lists, err := readPlaces(context.Background(), d.v) // as it was
	require.NoError(t, err)
	d.hold = true
	d.types("channels<enter>")
	town.says("bob", "#tech", "one @alice")
	d.hear()
	d.takeLists(lists)
	p, _ := d.channel("tech")
	require.Equal(t, [2]int{1, 1}, [2]int{p.Unread, p.Mentions})
	d.release() // and the one that knows the message counts it once
	p, _ = d.channel("tech")
	require.Equal(t, [2]int{1, 1}, [2]int{p.Unread, p.Mentions})
	require.Zero(t, d.lists)
}

// At stake: what somebody may no longer see, if he was removed while he was not connected.
func TestR22_APlaceThatIsGoneFromTheListIsForgotten(t *testing.T) {
	town := newTown()
	town.says("bob", "#tech", "a secret")
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	d.types("switch tech<enter>half a sentence")
	require.Contains(t, d.look(), "a secret")
	tech := town.named("tech")
	tech.members = []string{"bob"}
	d.put([]Event{{Kind: CaughtUp}})
	d.ring()
	require.NotContains(t, d.look(), "a secret")
	require.NotContains(t, d.rooms, tech.ID)
	require.Equal(t, "half a sentence", d.input.text(), "what was written is the writer's")
}

// At stake: a page of the time before a gap, taken for one without.
func TestR71_APageFromBeforeAResyncIsNotTaken(t *testing.T) {
	town := newTown()
	for range 100 {
		town.says("bob", "#general", "old")
	}
	d := newDesk(t, town.visitAs("alice"), 90, 12)
	d.types("join general<enter>")
	d.hold = true
	for range 10 {
		d.types("<pgup>")
	}
	require.True(t, d.room("chan_1").loading)
	older := d.held
	d.held, d.hold = nil, false
	town.says("bob", "#general", "missed")
	d.v.pending()
	d.put([]Event{{Kind: Resync}})
	require.Len(t, texts(d), pageMessages)
	d.do(older)
	require.Len(t, texts(d), pageMessages)
	require.Equal(t, "missed", texts(d)[pageMessages-1])
}

// Nobody can say who is logged in while no node answers; the first one that does is asked.
func TestAShellThatStartsWithoutAClusterFindsItsUserLater(t *testing.T) {
	town := newTown()
	v := town.visitAs("alice")
	v.pending()
	v.cut("no node answers")
	d := &desk{t: t, v: v, Model: newModel(config{zone: time.UTC, newKey: func() string { return "k" }})}
	effects := d.start()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.put(runEffect(ctx, effects[0], v, nil))
	d.put(v.pending())
	require.Nil(t, d.me)
	require.Contains(t, d.look(), "no connection, reconnecting (1): no node answers")
	v.mend("node-2")
	d.hear()
	require.Equal(t, "alice", d.user())
	require.Contains(t, d.look(), "alice on node-2")
}
