// Package offline is the backend that needs no model, no network and no set-up: it is what a cluster has when nobody
// chose anything, and what answers when a model does not.
//
// Replies, summaries, completions and answers are made by package extract, in some milliseconds; grammar and enhance by
// Harper, see package harper. It invents nothing: what it says was said before, or is a phrase of a table. The same task gets the
// same text.
package offline
