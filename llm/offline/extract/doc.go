// Package extract answers tasks from what stands in them, by counting words: no model, no network, nothing to load, some
// milliseconds. It is most of what the offline backend does, and it is what a node does itself when there is no LLM server.
//
//	reply             the kind of the last message (question, thanks, plan, problem, ...) and what it is about
//	summarize         TextRank over sentences: those that most others resemble
//	document-summary  the same
//	complete          n-grams of what the channel has said, then of everyday chat
//	ask               the sentences of the messages that share the question's rare words
//	grammar           slips that are sure without a dictionary: see typos.txt
//	enhance           the same, and plain words for long-winded ones
//
// It invents nothing: what it says was said before, or is a phrase of a table. Grammar and enhance are a poor relation of
// what package offline does with Harper, which takes 160 MB of memory.
//
// References: Mihalcea and Tarau, TextRank: Bringing Order into Texts (2004); Robertson and Zaragoza, The Probabilistic
// Relevance Framework: BM25 and Beyond (2009).
package extract
