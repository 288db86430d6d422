package extract

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/llm/prompt"
)

// A mood is what kind of message the last one is.
type mood struct {
	name    string
	match   *regexp.Regexp
	replies []string
}

// moods are tried in this order: a question about a problem is answered as a question. In the replies, {topic} is what the
// message is about and {who} its writer; a reply whose {topic} is not known is left out.
var moods = []mood{
	{"thanks", re(`^(many |a lot of )?(thanks|thank you|thx|ty|cheers|much appreciated)\b|\b(thanks|thank you)( so much| a lot)?[.! ]*$`), []string{
		"You're welcome, {who}!", "Any time.", "Glad it helped.", "Happy to help with {topic} again.", "No problem at all.",
	}},
	{"choice", re(`\b\pL+ or \pL+.*\?`), []string{
		"I'd go with the first one.", "I'd go with the second one.", "Either works for me.", "What would you prefer, {who}?",
	}},
	{"when", re(`\b(when|what time|which day|how soon|how long|until when)\b.*\?`), []string{
		"I'd say tomorrow.", "Let me check and tell you.", "By the end of the week, I think.", "When do you need {topic}?",
	}},
	{"who", re(`\b(who|whose|anybody|anyone|somebody|someone)\b.*\?`), []string{
		"I can do it.", "I can take {topic}.", "Not me, sorry.", "Let me ask around.", "I can help if nobody else does.",
	}},
	{"where", re(`\bwhere\b.*\?`), []string{
		"I'll send you the link.", "Let me look for {topic}.", "I don't know, sorry.", "Let me look.",
	}},
	{"why", re(`\b(why|how come)\b.*\?`), []string{
		"Good question, let me find out.", "I'm not sure about {topic} either.", "I can explain it in a call.", "I don't know yet.",
	}},
	{"opinion", re(`\b(what do you think|thoughts|any objections?|how about|what about|opinions?)\b.*\?`), []string{
		"Sounds good to me.", "I like it.", "I have doubts about {topic}.", "Let me think about it.", "No objections.",
	}},
	{"plan question", re(`\b(shall|should|could) we\b.*\?`), []string{
		"Yes, let's do that.", "Yes, I'm for it.", "I'd rather wait with {topic}.", "Let's talk about it first.",
	}},
	{"asking", re(`\b(can|could|would|will) (you|u)\b|\bplease\b`), []string{
		"Sure, I'll do it.", "I'll look at {topic} today.", "I can't right now, sorry.", "Yes, by tomorrow.", "Sure, give me an hour.",
	}},
	{"how", re(`\b(how|what|which)\b.*\?`), []string{
		"Let me check.", "I'll look into {topic}.", "I don't know, sorry.", "Let me find out, {who}.",
	}},
	{"yes or no", re(`\?\s*$`), []string{
		"Yes.", "No, not yet.", "I think so.", "I'll check {topic}.", "Let me find out.",
	}},
	{"problem", re(`\b(error|errors|broken|broke|fails?|failed|failing|failure|down|bug|crash(es|ed)?|stuck|problem|issue|wrong|outage|timeout|red|blocked|doesn't work|not working|can't|cannot|unable)\b`), []string{
		"I'll look into {topic}.", "Since when does it happen?", "I see it too.", "Can you send me the log?", "Is anybody on it, {who}?", "Do you need help with it?",
	}},
	{"apology", re(`\b(sorry|apolog(y|ies|ise|ize)|my bad|my mistake)\b`), []string{
		"No problem, {who}.", "Don't worry about it.", "It happens.", "All good.",
	}},
	{"plan", re(`\b(let's|let us|i'll|i will|we'll|we will|we should|i'm going to|we're going to|going to|plan|tomorrow|on (mon|tues|wednes|thurs|fri|satur|sun)day|next week|meeting)\b`), []string{
		"Sounds good.", "Works for me.", "I can help with {topic}.", "Can we do it later?", "Thanks for taking it, {who}.", "I'm in.",
	}},
	{"good news", re(`\b(done|fixed|merged|shipped|released|deployed|works|working|finished|passed|green|solved|resolved|great|congratulations|won)\b`), []string{
		"Great work, {who}!", "Nice!", "Good to hear about {topic}.", "Thanks for the update.", "That was fast.",
	}},
	{"greeting", re(`^(hi|hello|hey|good (morning|afternoon|evening)|morning)\b`), []string{
		"Hi {who}!", "Hello!", "Good to see you, {who}.", "How are you?",
	}},
	{"goodbye", re(`\b(bye|see you|good ?night|have a (good|nice)|cu)\b`), []string{
		"See you, {who}!", "Bye!", "Have a good one.", "Until tomorrow.",
	}},
	{"news", re(``), []string{
		"Thanks for the update, {who}.", "Got it.", "Tell me more about {topic}.", "Makes sense.", "Noted, I'll read up on {topic}.", "Do you need anything from me?",
	}},
}

// always are replies that fit everything a little.
var always = []string{"Got it.", "Let me think about it.", "I'll get back to you.", "Okay.", "Thanks for telling me."}

func re(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }

// reply answers the last message in the ways of its mood.
func reply(t prompt.Task) string {
	if len(t.Messages) == 0 {
		return "Hello!\nHow is everybody?\nWhat is new?\n"
	}
	last := t.Messages[len(t.Messages)-1]
	text := strings.ReplaceAll(strings.Join(strings.Fields(last.Text), " "), "’", "'")
	fitting := moodOf(text).replies
	topic := subject(t.Messages)

	// Where to begin depends on the message, so that two messages of a mood are not answered alike.
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	var list []string
	for i := range fitting {
		s := fitting[(int(h.Sum32()%uint32(len(fitting)))+i)%len(fitting)]
		if strings.Contains(s, "{topic}") && topic == "" {
			continue
		}
		s = strings.ReplaceAll(s, "{topic}", topic)
		s = address(s, last.Speaker)
		if len(strings.Fields(s)) <= t.Words || t.Words == 0 {
			list = append(list, s)
		}
	}
	for _, s := range always { // for moods with few replies and tasks that want many
		if len(list) < t.Count && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	// The one that speaks of the topic comes first: it is the least constant.
	if i := slices.IndexFunc(list, func(s string) bool { return topic != "" && strings.Contains(s, topic) }); i > 0 {
		first := list[i]
		list = slices.Insert(slices.Delete(list, i, i+1), 0, first)
	}
	return strings.Join(list[:min(len(list), t.Count)], "\n") + "\n"
}

func moodOf(text string) mood {
	for _, m := range moods {
		if m.match.MatchString(text) {
			return m
		}
	}
	return moods[len(moods)-1]
}

// address puts a name into a reply if it can be one, and takes its place out otherwise.
func address(s, who string) string {
	if who == "" || utf8.RuneCountInString(who) > 20 || strings.ContainsFunc(who, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '.'
	}) {
		return strings.NewReplacer(", {who}", "", " {who}", "").Replace(s)
	}
	return strings.ReplaceAll(s, "{who}", who)
}

// subject returns what the last message is about, as "the linker": a word of it that is said elsewhere too, or else its longest.
func subject(messages []prompt.Message) string {
	last := messages[len(messages)-1]
	best, bestScore := "", 0
	all := words(last.Text)
	for i, w := range all {
		if isStopword(w) || utf8.RuneCountInString(w) < 4 || utf8.RuneCountInString(w) > 20 || !plainWord(w) || notANoun(w) {
			continue
		}
		score := utf8.RuneCountInString(w)
		if i > 0 && slices.Contains([]string{"the", "a", "an", "this", "that", "our", "my", "your", "new", "old"}, strings.ToLower(all[i-1])) {
			score += 40
		}
		for _, m := range messages[:len(messages)-1] {
			if slices.Contains(meaning(m.Text), stem(w)) {
				score += 10
			}
		}
		if score > bestScore {
			best, bestScore = w, score
		}
	}
	if bestScore < 40 { // a word that no article shows to be a thing: too likely a verb
		return ""
	}
	return "the " + strings.TrimSuffix(best, "'s")
}

func plainWord(w string) bool {
	return !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
}

// notANoun reports words whose endings are those of verbs, adverbs and adjectives, and common adjectives.
func notANoun(w string) bool {
	w = strings.ToLower(w)
	for _, e := range [...]string{"ly", "ed", "ful", "ous", "ive", "able", "ible"} {
		if strings.HasSuffix(w, e) {
			return true
		}
	}
	return slices.Contains([]string{"good", "great", "nice", "next", "last", "first", "second", "best", "whole", "other", "same", "quick", "late", "early", "small", "large", "long", "short", "right", "wrong", "current", "main", "full", "final", "weird", "strange"}, w)
}
