package statemachine_test

import (
	"testing"

	"parley/statemachine"
	"parley/statemachine/chat"
)

// BenchmarkSearch looks at as many messages as one search may, 20,000 of two lines, in ten channels and in a thousand: for words
// that none has, for words of which each has one, and for words that all have.
func BenchmarkSearch(b *testing.B) {
	for name, channels := range map[string]int{"10 channels": 10, "1000 channels": 1000} {
		s := newSender(b, channels)
		for range 25_000 {
			s.send(b, text128)
		}
		for what, text := range map[string]string{"none": "nothing of it", "one of two": "words missing", "all": "some more", "other letters": "wörter"} {
			b.Run(name+", "+what, func(b *testing.B) {
				query := statemachine.AppendQuery(nil, s.a.Head, &chat.Search{Text: text})
				b.ReportAllocs()
				for b.Loop() {
					s.w.M.Query(query)
				}
			})
		}
	}
}
