package sim

import (
	"slices"
	"strings"

	"parley/raft"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// malformedMessage says why a text or an emoji is none.
func malformedMessage(c state.Command) string {
	switch c := c.(type) {
	case *chat.Send:
		return reasonIf(strings.TrimSpace(c.Text) == "", "TEXT_EMPTY")
	case *chat.Edit:
		return reasonIf(strings.TrimSpace(c.Text) == "", "TEXT_EMPTY")
	case *chat.React:
		return reasonIf(strings.TrimSpace(c.Emoji) == "", "EMOJI_INVALID")
	case *chat.Unreact:
		return reasonIf(strings.TrimSpace(c.Emoji) == "", "EMOJI_INVALID")
	}
	return ""
}

func reasonIf(so bool, reason string) string {
	if so {
		return reason
	}
	return ""
}

func (d *teamDeed) ofMessages(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	switch c := c.(type) {
	case *chat.Send:
		reply, refusal = d.send(c)
	case *chat.Edit:
		reply, refusal = d.edit(c)
	case *chat.Unsend:
		reply, refusal = d.unsend(c)
	case *chat.React:
		reply, refusal = d.react(c.ID, c.Emoji, true)
	case *chat.Unreact:
		reply, refusal = d.react(c.ID, c.Emoji, false)
	case *chat.MarkRead:
		reply, refusal = d.markRead(c)
	default:
		return nil, nil, false
	}
	return reply, refusal, true
}

// about is an event about a message, for the members of its place.
func (d *teamDeed) about(kind state.EventKind, post *teamPost, text string) {
	d.event(state.Event{Kind: kind, Audience: state.ForPlace(post.id.Place), Place: post.id.Place, Message: post.id.Position, User: d.user.id, Text: text})
}

var deleted = refused(state.Precondition, "MESSAGE_DELETED")

func (d *teamDeed) send(c *chat.Send) (state.Coded, *state.Refusal) {
	a, begin, refusal := d.targetToPost(c.Place)
	if refusal != nil {
		return nil, refusal
	}
	var root *teamPost
	if c.ReplyTo != "" {
		if root, refusal = d.rootOf(c.ReplyTo, a.place); refusal != nil {
			return nil, refusal
		}
	}
	var file state.FileID
	if c.File != "" {
		id, _ := state.ParseFileID(c.File)
		f := d.fileOf[id]
		if f == nil || !f.is.when(d.at) || f.place != a.place || f.Owner != d.user.id {
			return nil, refused(state.NotFound, "FILE_NOT_FOUND")
		}
		file = id
	}
	if begin != nil {
		a = d.open(begin)
	}
	post := &teamPost{id: state.MessageID{Place: a.place.id, Position: d.at}, place: a.place}
	is := state.Post{ID: post.id, Number: a.is.Messages + 1, Sender: d.user.id, Time: d.applied.Time, Wall: d.wall, File: file, Text: c.Text}
	if root != nil {
		first := root.is.when(d.at)
		first.Replies++
		root.is.put(d.at, first)
		is.Root = root.id.Position
	}
	post.is.put(d.at, is)
	a.place.posts, d.posts, d.postOf[post.id] = append(a.place.posts, post), append(d.posts, post), post
	part := a.part
	part.read, part.number = d.at, is.Number
	a.place.setPart(d.user, d.at, part)
	d.about(state.EventMessage, post, "")
	d.mention(post)
	return &chat.Sent{ID: post.id, PlaceID: placeID(&a.is), Place: d.called(&a.is), Position: d.at}, nil
}

// rootOf returns the first message of the thread that a reply joins.
func (d *teamDeed) rootOf(ref string, in *teamPlace) (*teamPost, *state.Refusal) {
	_, post, refusal := d.asking().message(deedRead, ref)
	switch {
	case refusal != nil:
		return nil, refusal
	case post.place != in:
		return nil, refused(state.Invalid, "REPLY_ELSEWHERE")
	case post.is.when(d.at).DeletedBy != 0:
		return nil, deleted
	}
	return d.firstOf(post), nil
}

// spoken returns the names behind every @ of a text, folded, each once.
func spoken(text string) (names []string) {
	inName := func(i int) bool {
		c := text[i] | 0x20
		return 'a' <= c && c <= 'z' || '0' <= text[i] && text[i] <= '9' || text[i] == '_'
	}
	for i := range len(text) {
		if text[i] != '@' || i > 0 && inName(i-1) {
			continue
		}
		end := i + 1
		for end < len(text) && inName(end) {
			end++
		}
		if name := fold(text[i+1 : end]); len(name) >= 3 && len(name) <= 20 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// mentioned returns the members of a place whom a text names.
func (v *teamView) mentioned(p *teamPlace, text string) (users []*teamUser) {
	for _, name := range spoken(text) {
		if u := v.named(name); u != nil && p.part(u, v.at).joined {
			users = append(users, u)
		}
	}
	return users
}

// mention takes down whom a message mentions, and tells who did not know.
func (d *teamDeed) mention(post *teamPost) {
	is := post.is.when(d.at)
	for _, u := range d.mentioned(post.place, is.Text) {
		if u.id == is.Sender {
			continue
		}
		at := slices.IndexFunc(u.mentions, func(m *teamMention) bool { return m.post == post })
		if at < 0 {
			u.mentions, at = append(u.mentions, &teamMention{post: post}), len(u.mentions)
		}
		if m := u.mentions[at]; !m.is.when(d.at) {
			m.is.put(d.at, true)
			d.event(state.Event{Kind: state.EventMention, Audience: state.ForUser(u.id), Place: post.id.Place, Message: post.id.Position, User: u.id, Other: is.Sender})
		}
	}
}

// unmention takes back the mentions of a message in all whom another text does not mention.
func (d *teamDeed) unmention(post *teamPost, next string) {
	kept := d.mentioned(post.place, next)
	for _, u := range d.users {
		for _, m := range u.mentions {
			if m.post == post && m.is.when(d.at) && !slices.Contains(kept, u) {
				m.is.put(d.at, false)
			}
		}
	}
}

func (d *teamDeed) edit(c *chat.Edit) (state.Coded, *state.Refusal) {
	a, post, refusal := d.message(deedPost, c.ID)
	if refusal != nil {
		return nil, refusal
	}
	is := post.is.when(d.at)
	switch {
	case is.Sender != d.user.id:
		return nil, refused(state.NotPermitted, "NOT_SENDER")
	case is.DeletedBy != 0:
		return nil, deleted
	case a.is.Archived:
		return nil, refused(state.Precondition, "CHANNEL_ARCHIVED")
	case c.Text == is.Text:
		return &chat.Done{}, nil
	case is.Edits >= uint64(d.limits.EditsMax):
		return nil, refused(state.Exhausted, "EDITS_FULL")
	}
	was := state.Revision{Position: is.Edited, Wall: is.EditedAt, Text: is.Text}
	if is.Edits == 0 {
		was.Position, was.Wall = post.id.Position, is.Wall
	}
	post.texts.put(d.at, append(slices.Clone(post.texts.when(d.at)), was))
	d.unmention(post, c.Text)
	is.Text, is.Edited, is.EditedAt = c.Text, d.at, d.wall
	is.Edits++
	post.is.put(d.at, is)
	d.about(state.EventEdited, post, "")
	d.mention(post)
	return &chat.Done{}, nil
}

func (d *teamDeed) unsend(c *chat.Unsend) (state.Coded, *state.Refusal) {
	a, post, refusal := d.message(deedRead, c.ID)
	if refusal != nil {
		return nil, refusal
	}
	is := post.is.when(d.at)
	if is.Sender != d.user.id && !d.standing(a.place).may[deedModerate] {
		return nil, refused(state.NotPermitted, "NOT_SENDER")
	}
	if is.DeletedBy != 0 {
		return &chat.Done{}, nil
	}
	d.unmention(post, "")
	post.texts.put(d.at, nil)
	post.marks.put(d.at, nil)
	is.Text, is.File, is.Edits, is.Edited, is.EditedAt, is.DeletedBy, is.DeletedAt = "", 0, 0, 0, 0, d.user.id, d.wall
	post.is.put(d.at, is)
	d.about(state.EventDeleted, post, "")
	if is.Sender != d.user.id {
		d.auditIn(&a, "message.delete", "msg_"+base36(uint64(post.id.Position))+"_"+base36(uint64(post.id.Place))+" of "+d.nameOf(is.Sender))
	}
	return &chat.Done{}, nil
}

func (d *teamDeed) react(ref, emoji string, on bool) (state.Coded, *state.Refusal) {
	a, post, refusal := d.message(deedPost, ref)
	switch {
	case refusal != nil:
		return nil, refusal
	case post.is.when(d.at).DeletedBy != 0:
		return nil, deleted
	case a.is.Archived:
		return nil, refused(state.Precondition, "CHANNEL_ARCHIVED")
	}
	marks := slices.Clone(post.marks.when(d.at))
	at := slices.IndexFunc(marks, func(r teamReaction) bool { return r.emoji == emoji })
	has := at >= 0 && slices.Contains(marks[at].users, d.user.id)
	switch {
	case has == on:
	case on && at < 0 && len(marks) >= d.limits.ReactionsMax:
		return nil, refused(state.Exhausted, "REACTIONS_FULL")
	case on && at < 0:
		marks = append(marks, teamReaction{emoji, []state.UserID{d.user.id}})
	case on:
		marks[at].users = append(slices.Clone(marks[at].users), d.user.id)
	default:
		marks[at].users = slices.DeleteFunc(slices.Clone(marks[at].users), func(u state.UserID) bool { return u == d.user.id })
		if len(marks[at].users) == 0 {
			marks = slices.Delete(marks, at, at+1)
		}
	}
	if has != on {
		post.marks.put(d.at, marks)
		kind := state.EventReacted
		if !on {
			kind = state.EventUnreacted
		}
		d.about(kind, post, emoji)
	}
	return &chat.Reactions{All: d.reactions(post)}, nil
}

func (d *teamDeed) markRead(c *chat.MarkRead) (state.Coded, *state.Refusal) {
	a, begin, refusal := d.target(deedRead, c.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case begin != nil:
		return &chat.Marked{}, nil
	}
	read, part := a.is.Last, a.part
	if c.Read != 0 && c.Read < read {
		read = c.Read
	}
	if read > part.read {
		part.read, part.number = read, max(part.number, a.place.newestBelow(read))
		a.place.setPart(d.user, d.at, part)
		d.event(state.Event{Kind: state.EventRead, Audience: state.ForUser(d.user.id), Place: a.place.id, Message: read, User: d.user.id})
	}
	return &chat.Marked{Read: part.read, Unread: a.place.unread(part, d.at), Mentions: d.unreadMentions(a.place, part.read)}, nil
}

// unreadMentions counts the messages of a place behind a position that mention the viewer.
func (v *teamView) unreadMentions(p *teamPlace, read raft.Position) (n uint64) {
	for _, m := range v.user.mentions {
		if m.post.place == p && m.post.id.Position > read && m.is.when(v.at) {
			n++
		}
	}
	return n
}
