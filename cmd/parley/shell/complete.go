package shell

import (
	"slices"
	"strings"
)

// A candidate is a word that could be meant.
type candidate struct{ text, hint string }

// A choice is a completion under way: Tab goes from one candidate to the next.
type choice struct {
	candidates []candidate
	at         int // the one that stands in the line; -1: what was typed
	typed      string
}

func (c choice) active() bool { return len(c.candidates) > 0 }

// complete is what Tab does: it writes what is certain; if several words are possible it shows them, and the next Tab
// takes the first one.
func (m *Model) complete(step int) []effect {
	if m.prompt != nil {
		return nil
	}
	if m.choice.active() {
		m.choose(step)
		return nil
	}
	if effects, ok := m.completePlain(); ok {
		return effects
	}
	m.propose(m.candidates(m.input.before()))
	return nil
}

// propose completes a word by what could be meant.
func (m *Model) propose(typed string, candidates []candidate) {
	switch len(candidates) {
	case 0:
	case 1:
		m.replace(typed, candidates[0].text+" ")
	default:
		if p := commonPrefix(candidates); len(p) > len(typed) {
			m.replace(typed, p)
			typed = p
		}
		m.choice = choice{candidates, -1, typed}
	}
}

// choose puts the next candidate into the line.
func (m *Model) choose(step int) {
	c := &m.choice
	old := c.typed
	if c.at >= 0 {
		old = c.candidates[c.at].text
	}
	if c.at < 0 && step < 0 {
		c.at = 0
	}
	n := len(c.candidates)
	c.at = ((c.at+step)%n + n) % n
	m.replace(old, c.candidates[c.at].text)
}

// replace puts a word in the place of the one before the cursor.
func (m *Model) replace(old, new string) {
	n := len(split(old))
	m.input.cut(m.input.cursor-n, m.input.cursor)
	m.input.insert(new)
}

func commonPrefix(cs []candidate) string {
	p := cs[0].text
	for _, c := range cs[1:] {
		for len(p) > len(c.text) || !strings.EqualFold(c.text[:len(p)], p) {
			gs := split(p)
			p = strings.Join(gs[:len(gs)-1], "")
		}
	}
	return p
}

// candidates returns the word before the cursor, and what could be meant by it.
func (m *Model) candidates(before string) (typed string, cs []candidate) {
	text := strings.TrimLeft(before, " ")
	typed = text[strings.LastIndexAny(text, " \n\t")+1:]
	var all []candidate
	switch slash := strings.HasPrefix(text, "/"); {
	case typed == text && (slash || m.open == ""):
		all = commandCandidates(map[bool]string{true: "/"}[slash])
	case slash || m.open == "":
		all = m.argumentCandidates(strings.TrimPrefix(text, "/"), typed)
	default:
		all = m.textCandidates(typed)
	}
	for _, c := range all {
		if len(c.text) > len(typed) && strings.EqualFold(c.text[:len(typed)], typed) {
			cs = append(cs, c)
		}
	}
	return typed, cs
}

func commandCandidates(slash string) (cs []candidate) {
	for _, ch := range chapters() {
		for _, c := range ch.commands {
			cs = append(cs, candidate{slash + c.words[0], c.help})
		}
	}
	slices.SortFunc(cs, func(a, b candidate) int { return strings.Compare(a.text, b.text) })
	return cs
}

// textCandidates completes names within a message.
func (m *Model) textCandidates(typed string) []candidate {
	switch {
	case strings.HasPrefix(typed, "#"):
		return m.channelCandidates("#")
	case strings.HasPrefix(typed, "@"):
		return m.userCandidates("@")
	}
	return nil
}

// argumentCandidates completes what a command takes where the cursor is.
func (m *Model) argumentCandidates(text, typed string) []candidate {
	word, rest := cutWord(text)
	c, ok := find(word)
	if !ok {
		return nil
	}
	ps, at := c.parameters(), len(strings.Fields(rest))
	if typed != "" {
		at--
	}
	if at = min(at, len(ps)-1); at < 0 {
		return nil
	}
	sign := typed[:min(len(typed), 1)]
	switch ps[at].name {
	case "USER":
		return m.userCandidates(only(sign, "@"))
	case "CHANNEL":
		return m.channelCandidates(only(sign, "#"))
	case "PLACE":
		if sign == "@" {
			return m.userCandidates("@")
		}
		return append(m.channelCandidates(only(sign, "#")), m.userCandidates("@")...)
	case "MESSAGE":
		return m.messageCandidates(c.words[0] == "edit" || c.words[0] == "unsend")
	case "COMMAND":
		return commandCandidates("")
	case "EMOJI":
		return []candidate{{"👍", ""}, {"❤️", ""}, {"😂", ""}, {"🎉", ""}, {"👀", ""}, {"✅", ""}, {"🙏", ""}}
	case "open|invite":
		return []candidate{{"open", "anybody joins"}, {"invite", "by invitation"}}
	}
	if ps[at].rest {
		return m.textCandidates(typed)
	}
	return nil
}

// only is sign if it is the one that is meant.
func only(sign, meant string) string {
	if sign == meant {
		return sign
	}
	return ""
}

func (m *Model) channelCandidates(sign string) (cs []candidate) {
	for _, p := range m.places {
		if !p.Direct {
			cs = append(cs, candidate{sign + p.Name, p.Description})
		}
	}
	return cs
}

// userCandidates are all users, in order of the alphabet.
func (m *Model) userCandidates(sign string) (cs []candidate) {
	for _, u := range m.users {
		cs = append(cs, candidate{sign + u.Username, u.DisplayName})
	}
	slices.SortFunc(cs, func(a, b candidate) int { return strings.Compare(a.text, b.text) })
	return cs
}

// messageCandidates are the latest messages of this place, the newest first, or those that this user has written.
func (m *Model) messageCandidates(mine bool) (cs []candidate) {
	messages := m.room(m.open).messages
	for i := len(messages) - 1; i >= 0 && len(cs) < 20; i-- {
		if msg := messages[i]; !mine || msg.Sender == m.user() && msg.Deleted == NotDeleted {
			cs = append(cs, candidate{msg.ID, msg.Sender + ": " + shown(msg)})
		}
	}
	return cs
}
