// Package assist is what the replicated state has to do with models that help people: what one of them may read, and who
// has a say in it.
//
//	read.go      Talk, Draft: text for a model, and how far it may go
//	consult.go   Consult: an external backend is going to get some; it is written down before
//	policy.go    NameBackend, SetExternal, Policy: who decides, and what holds
//
// Nobody gets more by a model than he may read himself: the queries ask the same tables as all others do. What a
// model answered is text that somebody shows to somebody; nothing of it comes in here.
package assist
