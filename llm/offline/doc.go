// Package offline is the backend that needs no model, no network and no set-up: it is what a cluster has when nobody
// chose anything, and what answers when a model does not.
//
//	reply             the kind of the last message (question, thanks, plan, problem, ...) and what it is about
//	summarize         TextRank over sentences: those that most others resemble
//	document-summary  the same
//	complete          n-grams of what the channel has said, then of everyday chat
//	ask               the sentences of the messages that share the question's rare words
//	grammar           Harper, see package harper
//	enhance           grammar, and plain words for long-winded ones
//
// It invents nothing: what it says was said before, or is a phrase of a table. The same task gets the same text.
//
// References: Mihalcea and Tarau, TextRank: Bringing Order into Texts (2004); Robertson and Zaragoza, The Probabilistic
// Relevance Framework: BM25 and Beyond (2009).
package offline
