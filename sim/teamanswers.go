package sim

import (
	"cmp"
	"slices"
	"strings"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	files "parley/statemachine/file"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// answer returns what a question is to be answered from the state of a position, or why it is refused.
func (m *teamModel) answer(at raft.Position, h *state.Head, q state.Query) (state.Coded, *state.Refusal) {
	v := &teamView{teamModel: m, at: at}
	if reply, ok := v.toServers(q); ok {
		return reply, nil
	}
	if refusal := v.speaks(h); refusal != nil {
		return nil, refusal
	}
	switch q := q.(type) {
	case *chat.History:
		return v.history(q)
	case *chat.Thread:
		return v.thread(q)
	case *chat.GetMessage:
		_, post, refusal := v.message(deedRead, q.ID)
		if refusal != nil {
			return nil, refusal
		}
		m := v.show(post)
		return &m, nil
	case *chat.EditsOf:
		return v.editsOf(q)
	case *chat.Mentions:
		return v.mentionsOf(q), nil
	case *chat.Search:
		return v.search(q)
	case *chat.Channels:
		return v.channels(q.After, q.Limit, func(p *teamPlace) bool {
			return p.part(v.user, at).joined || !p.is.when(at).Private && !q.Joined
		}), nil
	case *chat.ChannelOf:
		return v.channelOf(q)
	case *chat.Members:
		return v.membersOf(q)
	case *chat.Conversations:
		return v.conversations(q), nil
	case *chat.PlaceOf:
		return v.resolved(q)
	case *files.Files:
		return v.filesOf(q)
	case *files.FileOf:
		f, refusal := v.fileFor(q.ID)
		if refusal != nil {
			return nil, refusal
		}
		return v.attached(f), nil
	case *files.MayAttach:
		a, _, refusal := v.targetToPost(q.Place)
		if refusal == nil {
			refusal = v.room(v.user, &a, q.Size)
		}
		return &files.Quota{Used: v.user.usage.when(at).Bytes, Most: uint64(v.limits.QuotaBytes)}, refusal
	}
	return v.aboutDocs(q)
}

// show returns a message as a reader of its place sees it.
func (v *teamView) show(post *teamPost) chat.Message {
	place := post.place.is.when(v.at)
	m := chat.Message{Post: post.is.when(v.at), Place: v.called(&place)}
	m.SenderName = v.nameOf(m.Sender)
	if m.DeletedBy != 0 {
		m.DeleterName = v.nameOf(m.DeletedBy)
		return m
	}
	for _, u := range v.mentioned(post.place, m.Text) {
		m.Mentions = append(m.Mentions, u.name)
	}
	m.Reactions = v.reactions(post)
	return m
}

func (v *teamView) reactions(post *teamPost) (all []chat.Reaction) {
	for _, r := range post.marks.when(v.at) {
		all = append(all, chat.Reaction{Emoji: r.emoji, Count: uint64(len(r.users)), Mine: slices.Contains(r.users, v.user.id)})
	}
	return all
}

func (v *teamView) shows(posts []*teamPost) []chat.Message {
	all := make([]chat.Message, len(posts))
	for i, post := range posts {
		all[i] = v.show(post)
	}
	return all
}

func limited(asked, usual, most uint64) int {
	if asked == 0 {
		asked = usual
	}
	return int(min(asked, most))
}

func (v *teamView) history(q *chat.History) (state.Coded, *state.Refusal) {
	a, begin, refusal := v.target(deedRead, q.Place)
	if refusal != nil || begin != nil {
		return &chat.Page{}, refusal
	}
	var between []*teamPost
	for _, post := range a.place.posts {
		if p := post.id.Position; post.keptAt(v.at) && p > q.After && (q.Before == 0 || p < q.Before) {
			between = append(between, post)
		}
	}
	page, limit := &chat.Page{}, limited(q.Limit, 20, uint64(v.limits.HistoryMax))
	if page.More = len(between) > limit; page.More {
		if q.Forward || q.After > 0 {
			between = between[:limit]
		} else {
			between = between[len(between)-limit:]
		}
	}
	page.Messages = v.shows(between)
	return page, nil
}

func (v *teamView) thread(q *chat.Thread) (state.Coded, *state.Refusal) {
	_, post, refusal := v.message(deedRead, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	post = v.firstOf(post)
	var replies []*teamPost
	for _, p := range post.place.posts {
		if p.keptAt(v.at) && p.id.Position > q.After && p.is.when(v.at).Root == post.id.Position {
			replies = append(replies, p)
		}
	}
	limit := limited(q.Limit, 20, uint64(v.limits.HistoryMax))
	return &chat.ThreadPage{Root: v.show(post), Replies: v.shows(replies[:min(limit, len(replies))]), More: len(replies) > limit}, nil
}

func (v *teamView) editsOf(q *chat.EditsOf) (state.Coded, *state.Refusal) {
	_, post, refusal := v.message(deedRead, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	is := post.is.when(v.at)
	if is.DeletedBy != 0 {
		return nil, deleted
	}
	last := state.Revision{Position: post.id.Position, Wall: is.Wall, Text: is.Text}
	if is.Edits > 0 {
		last.Position, last.Wall = is.Edited, is.EditedAt
	}
	return &chat.Revisions{All: append(slices.Clone(post.texts.when(v.at)), last)}, nil
}

func (v *teamView) mentionsOf(q *chat.Mentions) *chat.MentionsPage {
	page, limit := &chat.MentionsPage{}, limited(q.Limit, 20, 100)
	mentions := slices.Clone(v.user.mentions)
	slices.SortFunc(mentions, func(a, b *teamMention) int { return cmp.Compare(b.post.id.Position, a.post.id.Position) })
	for _, m := range mentions {
		part, p := m.post.place.part(v.user, v.at), m.post.id.Position
		if !m.is.when(v.at) || !part.joined {
			continue
		}
		unread := p > part.read
		if unread {
			page.Unread++
		}
		if q.Unread && !unread || q.Before != 0 && p >= q.Before {
			continue
		}
		if len(page.Messages) == limit {
			if page.Next == 0 {
				page.Next = page.Messages[limit-1].ID.Position
			}
			continue
		}
		page.Messages = append(page.Messages, v.show(m.post))
	}
	return page
}

// search finds the messages that have all words of a question. What a word is, is decided by the texts that clients of
// a run write: small letters, digits, and blanks and points between.
func (v *teamView) search(q *chat.Search) (state.Coded, *state.Refusal) {
	wanted := wordsIn(q.Text)
	if len(wanted) == 0 {
		return nil, refused(state.Invalid, "QUERY_INVALID")
	}
	var among []*teamPost
	if q.Place != "" {
		a, begin, refusal := v.target(deedRead, q.Place)
		if refusal != nil || begin != nil {
			return &chat.Found{}, refusal
		}
		among = a.place.posts
	} else {
		for _, p := range v.posts {
			if p.place.part(v.user, v.at).joined {
				among = append(among, p)
			}
		}
	}
	found, looked := &chat.Found{}, 0
	for i := len(among) - 1; i >= 0; i-- {
		post := among[i]
		if !post.keptAt(v.at) || q.Before != 0 && post.id.Position >= q.Before {
			continue
		}
		if looked == v.limits.SearchRowsMax {
			found.Next = post.id.Position + 1
			break
		}
		looked++
		words := wordsIn(post.is.when(v.at).Text)
		if slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(words, w) }) {
			continue
		}
		if len(found.Messages) == limited(q.Limit, 20, 20) {
			found.Next = post.id.Position + 1
			break
		}
		found.Messages = append(found.Messages, v.show(post))
	}
	return found, nil
}

func wordsIn(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// channel returns a channel as the viewer has it.
func (v *teamView) channel(p *teamPlace) chat.Channel {
	is, part := p.when(v.at), p.part(v.user, v.at)
	ch := chat.Channel{ID: placeID(&is), Name: is.Name, Description: is.Description, Private: is.Private, Archived: is.Archived, Join: is.Join, NoAI: is.NoAI,
		Members: is.Members, Admins: is.Admins, Wall: is.Wall}
	if part.joined {
		ch.Last, ch.Joined, ch.Admin, ch.Read = is.Last, true, part.admin, part.read
		ch.Unread, ch.Mentions = p.unread(part, v.at), v.unreadMentions(p, part.read)
	}
	return ch
}

func (v *teamView) channels(after string, limit uint64, wanted func(p *teamPlace) bool) *chat.ChannelsPage {
	var all []*teamPlace
	name := func(p *teamPlace) string { return fold(p.is.when(v.at).Name) }
	for _, p := range v.places {
		if p.is.when(v.at).Kind == state.Channel && name(p) > after && wanted(p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *teamPlace) int { return cmp.Compare(name(a), name(b)) })
	page, most := &chat.ChannelsPage{}, limited(limit, 1000, 1000)
	for i, p := range all {
		if i == most {
			page.Next = name(all[i-1])
			break
		}
		page.Channels = append(page.Channels, v.channel(p))
	}
	return page
}

func (v *teamView) channelOf(q *chat.ChannelOf) (state.Coded, *state.Refusal) {
	a, refusal := v.may(deedSee, q.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.is.Kind == state.Conversation:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	}
	ch := v.channel(a.place)
	return &ch, nil
}

func (v *teamView) membersOf(q *chat.Members) (state.Coded, *state.Refusal) {
	a, refusal := v.may(deedRead, q.Place)
	if refusal != nil {
		return nil, refusal
	}
	members := slices.DeleteFunc(slices.Clone(a.place.members), func(m *teamMember) bool { return !m.is.when(v.at).joined })
	slices.SortFunc(members, func(a, b *teamMember) int { return cmp.Compare(a.user.id, b.user.id) })
	page, most := &chat.MembersPage{Total: a.is.Members, Admins: a.is.Admins}, limited(q.Limit, 100, 1000)
	for _, m := range members {
		there := m.user.presence.when(v.at)
		if there.Nodes > 0 {
			page.Online++
		}
		switch {
		case m.user.id <= q.After:
		case len(page.Members) == most:
			page.Next = page.Members[most-1].User
		default:
			page.Members = append(page.Members, chat.Member{User: m.user.id, Name: m.user.name, Display: m.user.is.when(v.at).Display,
				Admin: m.is.when(v.at).admin, Online: there.Nodes > 0, Seen: there.Seen})
		}
	}
	return page, nil
}

func (v *teamView) conversations(q *chat.Conversations) *chat.ConversationsPage {
	var mine []state.Place
	newest := func(p *state.Place) raft.Position { return max(p.Last, raft.Position(p.ID)) }
	for _, p := range v.places {
		is := p.when(v.at)
		if is.Kind == state.Conversation && p.part(v.user, v.at).joined && (q.Before == 0 || newest(&is) < q.Before) {
			mine = append(mine, is)
		}
	}
	slices.SortFunc(mine, func(a, b state.Place) int { return cmp.Compare(newest(&b), newest(&a)) })
	page, most := &chat.ConversationsPage{}, limited(q.Limit, 100, 1000)
	for i := range mine {
		if i == most {
			page.Next = newest(&mine[i-1])
			break
		}
		page.Conversations = append(page.Conversations, v.conversation(&mine[i]))
	}
	return page
}

func (v *teamView) conversation(is *state.Place) chat.Conversation {
	p, other := v.placeOf[is.ID], v.userOf[otherOf(is, v.user.id)]
	part := p.part(v.user, v.at)
	c := chat.Conversation{ID: placeID(is), Partner: other.id, Name: other.name, Display: other.is.when(v.at).Display, Online: other.presence.when(v.at).Nodes > 0,
		Read: part.read, Unread: p.unread(part, v.at), Mentions: v.unreadMentions(p, part.read)}
	if post := v.postOf[state.MessageID{Place: is.ID, Position: is.Last}]; post != nil && post.keptAt(v.at) {
		m := v.show(post)
		c.Last = &m
	}
	return c
}

func (v *teamView) resolved(q *chat.PlaceOf) (state.Coded, *state.Refusal) {
	a, begin, refusal := v.target(deedRead, q.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case begin != nil:
		return &chat.Resolved{Kind: state.Conversation, Called: "@" + begin.name, Partner: begin.id}, nil
	}
	r := &chat.Resolved{Place: a.is.ID, ID: placeID(&a.is), Kind: a.is.Kind, Called: v.called(&a.is), Audience: state.ForPlace(a.is.ID).Word(), NoAI: a.is.NoAI, Archived: a.is.Archived}
	if r.Kind == state.Conversation {
		r.Partner = otherOf(&a.is, v.user.id)
	}
	return r, nil
}

func (v *teamView) filesOf(q *files.Files) (state.Coded, *state.Refusal) {
	a, begin, refusal := v.target(deedRead, q.Place)
	if refusal != nil || begin != nil {
		return &files.FilesPage{}, refusal
	}
	page, most := &files.FilesPage{}, limited(q.Limit, 100, 1000)
	for i := len(a.place.files) - 1; i >= 0; i-- {
		f := a.place.files[i]
		if !f.is.when(v.at) || q.Before != 0 && f.ID >= q.Before {
			continue
		}
		if len(page.Files) == most {
			page.Next = page.Files[most-1].ID
			break
		}
		page.Files = append(page.Files, *v.attached(f))
	}
	return page, nil
}

// person returns an account as the viewer may see it.
func (v *teamView) person(u *teamUser) account.Person {
	is := u.is.when(v.at)
	if u != v.user && !v.me.Admin {
		is.Email = ""
	}
	return account.Person{User: is}
}

func (v *teamView) loginInfo(l *teamLogin) account.LoginInfo {
	return account.LoginInfo{ID: l.ID, Client: l.Client, Address: l.Address, Wall: l.Wall, Deadline: l.is.when(v.at).deadline, Current: l == v.login}
}

// aboutUsers answers questions about accounts, logins and who is there.
func (v *teamView) aboutUsers(q state.Query) (state.Coded, *state.Refusal) {
	switch q := q.(type) {
	case *account.WhoAmI:
		me := &account.Me{Person: v.person(v.user), Login: v.loginInfo(v.login)}
		if v.me.Admin {
			me.SignUp = v.settings.when(v.at).SignUp
		}
		return me, nil
	case *account.Logins:
		return v.loginList(q)
	case *account.UserOf:
		u := v.named(q.Name)
		if u == nil {
			return nil, refused(state.NotFound, "USER_NOT_FOUND")
		}
		p := v.person(u)
		return &p, nil
	case *account.Users:
		page, limit := &account.UserList{Total: uint64(len(v.sortedUsers("")))}, v.usersLimit(q.Limit)
		for _, u := range v.sortedUsers(q.Cursor) {
			if len(page.Users) == limit {
				page.Next = fold(page.Users[limit-1].Name)
				break
			}
			page.Users = append(page.Users, v.person(u))
		}
		return page, nil
	case *presence.Who:
		return v.who(q), nil
	case *account.Audit:
		return v.auditPage(q)
	case *account.RetentionOf:
		return &account.Kept{Retention: v.kept.is.when(v.at)}, nil
	}
	return nil, refused(state.Malformed, "VERSION")
}

func (v *teamView) loginList(q *account.Logins) (state.Coded, *state.Refusal) {
	u := v.user
	if q.User != "" && fold(q.User) != fold(u.name) {
		if !v.me.Admin {
			return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN")
		}
		if u = v.named(q.User); u == nil {
			return nil, refused(state.NotFound, "USER_NOT_FOUND")
		}
	}
	list := &account.LoginList{}
	for _, l := range v.loginsOf(u) {
		list.Logins = append(list.Logins, v.loginInfo(l))
	}
	return list, nil
}

// sortedUsers returns the accounts whose names come behind one.
func (v *teamView) sortedUsers(after string) (users []*teamUser) {
	for _, u := range v.users {
		if v.exists(u) && fold(u.name) > fold(after) {
			users = append(users, u)
		}
	}
	slices.SortFunc(users, func(a, b *teamUser) int { return cmp.Compare(fold(a.name), fold(b.name)) })
	return users
}

func (v *teamView) usersLimit(asked uint64) int {
	return limited(asked, uint64(v.limits.UsersPage), uint64(v.limits.UsersPageMax))
}

func (v *teamView) who(q *presence.Who) *presence.Present {
	page, limit, last := &presence.Present{}, v.usersLimit(q.Limit), ""
	for _, u := range v.users {
		if u.presence.when(v.at).Nodes > 0 {
			page.Online++
		}
	}
	for _, u := range v.sortedUsers(q.Cursor) {
		if len(page.Users) == limit {
			page.Next = last
			break
		}
		last = fold(u.name)
		is, there := u.is.when(v.at), u.presence.when(v.at)
		if there.Nodes == 0 && (!q.All || is.Disabled) {
			continue
		}
		one := presence.User{ID: u.id, Name: u.name, Display: is.Display, Online: there.Nodes > 0}
		if !one.Online {
			one.LastSeen = there.Seen
		}
		page.Users = append(page.Users, one)
	}
	return page
}

// auditPage answers all of a page but what chains its records; see judgeAudit.
func (v *teamView) auditPage(q *account.Audit) (state.Coded, *state.Refusal) {
	if !v.me.Admin {
		return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN")
	}
	page, limit := &account.AuditPage{}, limited(q.Limit, uint64(v.limits.AuditPageMax), uint64(v.limits.AuditPageMax))
	for i := range v.audits {
		a := &v.audits[i]
		if a.Position > v.at || a.Position < q.Position || a.Position == q.Position && a.Number < q.Number {
			continue
		}
		if len(page.Records) == limit {
			page.More = true
			break
		}
		e := account.AuditEntry{AuditRecord: a.AuditRecord}
		if a.Actor != 0 {
			e.ActorName = v.nameOf(a.Actor)
		}
		page.Records = append(page.Records, e)
	}
	return page, nil
}

// toServers answers what nodes' servers ask for themselves.
func (v *teamView) toServers(q state.Query) (state.Coded, bool) {
	switch q := q.(type) {
	case *account.CredentialsOf:
		u := v.named(q.Name)
		if u == nil {
			return &account.Credentials{}, true
		}
		p := u.password.when(v.at)
		return &account.Credentials{User: u.id, Hash: []byte(p.hash), Version: p.version, Demo: u.is.when(v.at).Demo}, true
	case *account.SigningKeys:
		list := &account.KeyList{Current: v.settings.when(v.at).CurrentKey}
		for _, k := range v.keys {
			if k.is.when(v.at).good {
				list.Keys = append(list.Keys, account.Key{ID: k.id, Secret: []byte(k.secret)})
			}
		}
		return list, true
	case *account.EdgeState:
		o := v.settings.when(v.at)
		return &account.Edge{SignUp: o.SignUp, Offer: o.OfferHash, Admins: o.Admins, Demo: o.Demo}, true
	case *presence.Edges:
		list := &presence.Connected{}
		for _, e := range v.connectedAt(q.Node) {
			if e.user.id >= q.From {
				list.Users = append(list.Users, e.user.id)
			}
		}
		return list, true
	case *presence.Nodes:
		list := &presence.NodeList{}
		for id := raft.NodeID(1); id <= nodesMax; id++ {
			if len(v.connectedAt(id)) > 0 {
				list.Nodes = append(list.Nodes, id)
			}
		}
		return list, true
	case *presence.Difference:
		return &presence.ToAnnounce{Announces: v.difference(q)}, true
	}
	return nil, false
}

// difference is what a server has to announce: whoever went, then whoever came, each in the order of their ids.
func (v *teamView) difference(q *presence.Difference) []presence.Announce {
	var changes []presence.Change
	there := v.connectedAt(q.Node)
	for _, e := range there {
		if !slices.Contains(q.Wanted, e.user.id) {
			changes = append(changes, presence.Change{User: e.user.id})
		}
	}
	wanted := slices.Clone(q.Wanted)
	slices.Sort(wanted)
	for _, id := range slices.Compact(wanted) {
		u := v.userOf[id]
		known := slices.ContainsFunc(there, func(e *teamEdge) bool { return e.user.id == id })
		if u != nil && v.exists(u) && !known && !u.is.when(v.at).Disabled {
			changes = append(changes, presence.Change{User: id, Online: true})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return []presence.Announce{{Node: q.Node, Changes: changes}}
}
