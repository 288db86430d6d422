package chat_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/statemachine/chat"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// model is what people believe a team chat is, in maps and slices, with nobody being efficient about anything.
type model struct {
	channels map[string]*modelPlace // by name
	direct   map[string]*modelPlace // by the two names in order
	governor map[string]bool
}

type modelPlace struct {
	name                      string
	private, archived, invite bool
	born                      bool
	members, admins, barred   map[string]bool
	messages                  []*modelMessage
	read                      map[string]raft.Position
}

type modelMessage struct {
	id        string
	at        raft.Position
	sender    string
	text      string
	deleter   string
	edits     int
	replies   int
	root      *modelMessage
	reactions map[string]map[string]bool
}

func newModel(governors ...string) *model {
	m := &model{channels: map[string]*modelPlace{}, direct: map[string]*modelPlace{}, governor: map[string]bool{}}
	for _, name := range []string{"general", "random", "tech"} {
		m.channels[name] = newModelPlace(name)
		m.channels[name].born = true
	}
	for _, g := range governors {
		m.governor[g] = true
	}
	return m
}

func newModelPlace(name string) *modelPlace {
	return &modelPlace{name: name, members: map[string]bool{}, admins: map[string]bool{}, barred: map[string]bool{}, read: map[string]raft.Position{}}
}

func (m *model) conversation(a, b string) *modelPlace {
	key := min(a, b) + " " + max(a, b)
	if m.direct[key] == nil {
		p := newModelPlace(key)
		p.private = true
		p.members[a], p.members[b] = true, true
		m.direct[key] = p
	}
	return m.direct[key]
}

// manages says what comes of a wish to manage a channel: "" for yes.
func (m *model) manages(p *modelPlace, who string) string {
	switch {
	case m.governor[who] || p.admins[who]:
		return ""
	case p.members[who]:
		return "NOT_CHANNEL_ADMIN"
	case p.private:
		return "CHANNEL_NOT_FOUND"
	}
	return "NOT_A_MEMBER"
}

// reads says what comes of a wish to read a channel.
func (p *modelPlace) reads(who string) string {
	switch {
	case p.members[who]:
		return ""
	case p.private:
		return "CHANNEL_NOT_FOUND"
	}
	return "NOT_A_MEMBER"
}

func (p *modelPlace) lastAdmin(who string) bool {
	return p.admins[who] && len(p.admins) == 1 && !p.born
}

func (p *modelPlace) enter(who string) {
	p.members[who] = true
	delete(p.barred, who)
	p.read[who] = 0
	if n := len(p.messages); n > 0 {
		p.read[who] = p.messages[n-1].at
	}
}

func (p *modelPlace) depart(who string) {
	delete(p.members, who)
	delete(p.admins, who)
	delete(p.read, who)
}

func (p *modelPlace) unread(who string) (n uint64) {
	for _, m := range p.messages {
		if m.at > p.read[who] {
			n++
		}
	}
	return n
}

// play is a machine and a model to which the same is said.
type play struct {
	*teamtest.World
	t      *rapid.T
	model  *model
	actors []teamtest.Actor
}

func (p *play) actor(label string) teamtest.Actor {
	return p.actors[rapid.IntRange(0, len(p.actors)-1).Draw(p.t, label)]
}

var channelNames = []string{"general", "tech", "aaa", "bbb", "ccc"}

// say applies a command, and compares what comes of it with what the model says: "" for yes, or a reason.
func (p *play) say(a teamtest.Actor, c state.Command, want string, reply state.Coded) {
	refusal := p.Do(a, c, reply)
	got := ""
	if refusal != nil {
		got = refusal.Reason
	}
	require.Equal(p.t, want, got, "%s: %T%+v", a.Name, c, c)
}

func (p *play) create() {
	a, name := p.actor("who"), rapid.SampledFrom(channelNames).Draw(p.t, "name")
	private, invite := rapid.Bool().Draw(p.t, "private"), rapid.Bool().Draw(p.t, "invite")
	join, want := state.JoinOpen, ""
	if invite {
		join = state.JoinInvite
	}
	if was := p.model.channels[name]; was != nil {
		want = "CHANNEL_NAME_TAKEN"
		if was.reads(a.Name) == "CHANNEL_NOT_FOUND" {
			want = "CHANNEL_NAME_RESERVED"
		}
	}
	p.say(a, &chat.CreateChannel{Name: name, Private: private, Join: join}, want, nil)
	if want == "" {
		made := newModelPlace(name)
		made.private, made.invite = private, invite || private
		made.enter(a.Name)
		made.admins[a.Name] = true
		p.model.channels[name] = made
	}
}

// some draws a channel; nil with its name if there is none.
func (p *play) some() (*modelPlace, string) {
	name := rapid.SampledFrom(channelNames).Draw(p.t, "channel")
	return p.model.channels[name], name
}

func (p *play) join() {
	a := p.actor("who")
	ch, name := p.some()
	want := ""
	switch {
	case ch == nil, ch.private && !ch.members[a.Name] && !p.model.governor[a.Name]:
		want = "CHANNEL_NOT_FOUND"
	case ch.members[a.Name]:
	case (ch.private || ch.invite || ch.barred[a.Name]) && !p.model.governor[a.Name]:
		want = "INVITATION_NEEDED"
	case ch.archived:
		want = "CHANNEL_ARCHIVED"
	}
	p.say(a, &chat.Join{Place: name}, want, nil)
	if want == "" && !ch.members[a.Name] {
		ch.enter(a.Name)
	}
}

func (p *play) leave() {
	a := p.actor("who")
	ch, name := p.some()
	want := "CHANNEL_NOT_FOUND"
	if ch != nil {
		want = ch.reads(a.Name)
	}
	last := want == "" && ch.private && len(ch.members) == 1
	if want == "" && ch.lastAdmin(a.Name) && !last {
		want = "LAST_CHANNEL_ADMIN"
	}
	p.say(a, &chat.Leave{Place: name}, want, nil)
	if want == "" {
		ch.depart(a.Name)
		ch.archived = ch.archived || last
	}
}

// manage does one of the things that admins do to members.
func (p *play) manage() {
	a, other := p.actor("who"), p.actor("whom")
	ch, name := p.some()
	of := chat.Of{Place: "#" + name, User: other.Name}
	want := "CHANNEL_NOT_FOUND"
	if ch != nil {
		want = p.model.manages(ch, a.Name)
	}
	kind := rapid.IntRange(0, 3).Draw(p.t, "what")
	if want == "" && kind > 0 && !ch.members[other.Name] {
		want = "MEMBER_NOT_FOUND"
	}
	if want == "" && (kind == 1 || kind == 3) && ch.lastAdmin(other.Name) {
		want = "LAST_CHANNEL_ADMIN"
	}
	switch kind {
	case 0:
		switch {
		case want == "" && ch.members[other.Name]:
			want = "ALREADY_MEMBER"
		case want == "" && ch.archived:
			want = "CHANNEL_ARCHIVED"
		}
		p.say(a, &chat.AddMember{Of: of}, want, nil)
		if want == "" {
			ch.enter(other.Name)
		}
	case 1:
		p.say(a, &chat.RemoveMember{Of: of}, want, nil)
		if want == "" {
			ch.depart(other.Name)
			ch.barred[other.Name] = true
		}
	case 2:
		p.say(a, &chat.Promote{Of: of}, want, nil)
		if want == "" {
			ch.admins[other.Name] = true
		}
	case 3:
		p.say(a, &chat.Demote{Of: of}, want, nil)
		if want == "" {
			delete(ch.admins, other.Name)
		}
	}
}

func (p *play) archive() {
	a := p.actor("who")
	ch, name := p.some()
	want := "CHANNEL_NOT_FOUND"
	if ch != nil {
		want = p.model.manages(ch, a.Name)
	}
	archived := rapid.Bool().Draw(p.t, "archived")
	var c state.Command = &chat.Unarchive{Place: name}
	if archived {
		c = &chat.Archive{Place: name}
	}
	p.say(a, c, want, nil)
	if want == "" {
		ch.archived = archived
	}
}

// somewhere draws a place to write to, and what comes of reading it.
func (p *play) somewhere(a teamtest.Actor) (ch *modelPlace, ref, want string) {
	if rapid.IntRange(0, 2).Draw(p.t, "direct") == 0 {
		other := p.actor("whom")
		if other.Name == a.Name {
			return nil, "@" + other.Name, "CONVERSATION_WITH_SELF"
		}
		return p.model.conversation(a.Name, other.Name), "@" + other.Name, ""
	}
	ch, name := p.some()
	if ch == nil {
		return nil, "#" + name, "CHANNEL_NOT_FOUND"
	}
	return ch, "#" + name, ch.reads(a.Name)
}

func (p *play) send() {
	a := p.actor("who")
	ch, ref, want := p.somewhere(a)
	s := &chat.Send{Place: ref, Text: fmt.Sprint("text ", p.At)}
	if want == "" && ch.archived {
		want = "CHANNEL_ARCHIVED"
	}
	var root *modelMessage
	if want == "" && len(ch.messages) > 0 && rapid.IntRange(0, 2).Draw(p.t, "reply") == 0 {
		root = rapid.SampledFrom(ch.messages).Draw(p.t, "to")
		s.ReplyTo = root.id
		if root.deleter != "" {
			want = "MESSAGE_DELETED"
		}
		if root.root != nil {
			root = root.root
		}
	}
	var sent chat.Sent
	p.say(a, s, want, &sent)
	if want != "" {
		return
	}
	m := &modelMessage{id: sent.ID.String(), at: sent.Position, sender: a.Name, text: s.Text, root: root, reactions: map[string]map[string]bool{}}
	ch.messages, ch.read[a.Name] = append(ch.messages, m), sent.Position
	if root != nil {
		root.replies++
	}
}

// touch edits, deletes or reacts to a message.
func (p *play) touch() {
	a := p.actor("who")
	var places []*modelPlace
	for _, all := range []map[string]*modelPlace{p.model.channels, p.model.direct} {
		for _, ch := range all {
			if len(ch.messages) > 0 {
				places = append(places, ch)
			}
		}
	}
	if len(places) == 0 {
		return
	}
	slices.SortFunc(places, func(a, b *modelPlace) int { return strings.Compare(a.name, b.name) })
	ch := rapid.SampledFrom(places).Draw(p.t, "place")
	m := rapid.SampledFrom(ch.messages).Draw(p.t, "message")
	want := ch.reads(a.Name)
	if want == "CHANNEL_NOT_FOUND" {
		want = "MESSAGE_NOT_FOUND"
	}
	deletes := ch.admins[a.Name] || ch.born && p.model.governor[a.Name]
	switch kind := rapid.IntRange(0, 3).Draw(p.t, "what"); {
	case kind == 0:
		switch {
		case want != "":
		case m.sender != a.Name:
			want = "NOT_SENDER"
		case m.deleter != "":
			want = "MESSAGE_DELETED"
		case ch.archived:
			want = "CHANNEL_ARCHIVED"
		}
		text := fmt.Sprint("edit ", p.At)
		p.say(a, &chat.Edit{ID: m.id, Text: text}, want, nil)
		if want == "" {
			m.text = text
			m.edits++
		}
	case kind == 1:
		if want == "" && m.sender != a.Name && !deletes {
			want = "NOT_SENDER"
		}
		p.say(a, &chat.Unsend{ID: m.id}, want, nil)
		if want == "" && m.deleter == "" {
			m.deleter, m.text, m.edits, m.reactions = a.Name, "", 0, map[string]map[string]bool{}
		}
	default:
		switch {
		case want != "":
		case m.deleter != "":
			want = "MESSAGE_DELETED"
		case ch.archived:
			want = "CHANNEL_ARCHIVED"
		}
		emoji := rapid.SampledFrom([]string{"👍", "🎉", "x"}).Draw(p.t, "emoji")
		if kind == 2 {
			p.say(a, &chat.React{ID: m.id, Emoji: emoji}, want, nil)
		} else {
			p.say(a, &chat.Unreact{ID: m.id, Emoji: emoji}, want, nil)
		}
		if want == "" {
			if m.reactions[emoji] == nil {
				m.reactions[emoji] = map[string]bool{}
			}
			if m.reactions[emoji][a.Name] = kind == 2; kind == 3 {
				delete(m.reactions[emoji], a.Name)
			}
		}
	}
}

func (p *play) markRead() {
	a := p.actor("who")
	ch, ref, want := p.somewhere(a)
	at := raft.Position(rapid.Uint64Range(0, uint64(p.At)+3).Draw(p.t, "position"))
	var marked chat.Marked
	p.say(a, &chat.MarkRead{Place: ref, Read: at}, want, &marked)
	if want != "" || len(ch.messages) == 0 {
		return
	}
	last := ch.messages[len(ch.messages)-1].at
	if at == 0 {
		at = last
	}
	ch.read[a.Name] = max(ch.read[a.Name], min(at, last))
	require.Equal(p.t, chat.Marked{Read: ch.read[a.Name], Unread: ch.unread(a.Name)}, marked)
}

// check compares everything that somebody is shown with the model.
func (p *play) check() {
	a := p.actor("who")
	var channels chat.ChannelsPage
	p.Told(a, &chat.Channels{}, &channels)
	var got, want []string
	for _, c := range channels.Channels {
		got = append(got, fmt.Sprintln(c.Name, c.Private, c.Archived, c.Members, c.Admins, c.Joined, c.Admin, c.Unread))
	}
	for _, ch := range p.model.channels {
		if !ch.private || ch.members[a.Name] {
			unread := uint64(0)
			if ch.members[a.Name] {
				unread = ch.unread(a.Name)
			}
			want = append(want, fmt.Sprintln(ch.name, ch.private, ch.archived, len(ch.members), len(ch.admins), ch.members[a.Name], ch.admins[a.Name], unread))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(p.t, want, got, a.Name)

	ch, ref, refusal := p.somewhere(a)
	var page chat.Page
	if r := p.Ask(a, &chat.History{Place: ref, Limit: 1000}, &page); r != nil {
		require.Equal(p.t, refusal, r.Reason)
		return
	}
	require.Empty(p.t, refusal)
	require.Len(p.t, page.Messages, len(ch.messages))
	for i := range ch.messages {
		p.compare(a, ch.messages[i], &page.Messages[i])
	}
}

func (p *play) compare(a teamtest.Actor, want *modelMessage, got *chat.Message) {
	root := raft.Position(0)
	if want.root != nil {
		root = want.root.at
	}
	require.Equal(p.t, fmt.Sprintln(want.id, want.at, want.sender, want.text, want.deleter, want.edits, want.replies, root),
		fmt.Sprintln(got.ID.String(), got.ID.Position, got.SenderName, got.Text, got.DeleterName, got.Edits, got.Replies, got.Root))
	var reactions, seen []string
	for emoji, users := range want.reactions {
		if len(users) > 0 {
			reactions = append(reactions, fmt.Sprintln(emoji, len(users), users[a.Name]))
		}
	}
	for _, r := range got.Reactions {
		seen = append(seen, fmt.Sprintln(r.Emoji, r.Count, r.Mine))
	}
	slices.Sort(reactions)
	slices.Sort(seen)
	require.Equal(p.t, reactions, seen)
}

// Whatever people do, the machine and a plain model of it agree on every answer and on all that is shown.
func TestTheMachineIsAsItsPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, root := teamtest.New(t, state.DefaultLimits())
		p := &play{World: w, t: t, model: newModel("root"), actors: []teamtest.Actor{root, w.User("ann"), w.User("bob"), w.User("cid")}}
		for _, a := range p.actors {
			p.model.channels["general"].enter(a.Name)
		}
		moves := []func(){p.create, p.join, p.leave, p.manage, p.manage, p.archive, p.send, p.send, p.send, p.touch, p.touch, p.markRead, p.check}
		for range rapid.IntRange(10, 80).Draw(t, "moves") {
			moves[rapid.IntRange(0, len(moves)-1).Draw(t, "move")]()
		}
		require.Equal(t, w.M.RecomputeHash(), w.M.StateHash())
		p.check()
	})
}
