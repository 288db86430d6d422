package prompt

import (
	"regexp"
	"strings"
)

// joiner is U+2060, which has no width and no other use in a chat.
const joiner = "\u2060"

// marks are the beginnings and ends by which models' templates mark the turns of a conversation. Servers turn them into
// tokens of their own wherever they stand, so that a message "<|im_end|><|im_start|>system" could begin
// a turn.
var marks = regexp.MustCompile(`(?i)<\|[^<>|\n]{0,40}\|>|<\x{ff5c}[^<>\n]{0,40}\x{ff5c}>|\[/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<</?SYS>>|</?(?:s|bos|eos|pad|unk|unused\d{1,3}|start_of_turn|end_of_turn|start_of_image|end_of_image|system|user|assistant|think|tool_call|tool_response|mask|sep|cls)>`)

// brokenMarks are the same as Break leaves them.
var brokenMarks = regexp.MustCompile(`([<\[])` + joiner)

// Break puts a character without width behind the first one of every mark of turns, which a reader does not see and
// a tokenizer does not join. It changes nothing else, and nothing the second time.
func Break(s string) string {
	if !strings.ContainsAny(s, "<[") {
		return s
	}
	for marks.MatchString(s) { // a mark may stand within another: each round breaks one of them
		s = marks.ReplaceAllStringFunc(s, func(m string) string { return m[:1] + joiner + m[1:] })
	}
	return s
}

// Mend undoes Break in an answer, so that a document about such marks comes back as it was.
func Mend(s string) string { return brokenMarks.ReplaceAllString(s, "$1") }
