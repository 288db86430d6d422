package state

// A model that people asked for help reads what they wrote. An external one is where the text leaves the machine for it,
// which takes more than that somebody may read the text himself:
//
//	cluster        an admin of it names the backend; without a name there is none
//	channel        yes, unless one of its admins says no
//	document       yes, unless one of its owners says no
//	conversation   no, until both parties agree
//
// Of a channel or document whose NoAI is set nothing is shown to any model, wherever it runs.

// The rows of TableExternal, by the first number of their keys.
const (
	externalBackend = 0 // -> the backend's name
	externalNoPlace = 1 // channel -> nothing
	externalNoDoc   = 2 // document -> nothing
	externalParty   = 3 // conversation, user -> nothing
)

// ExternalBackend returns the external backend that an admin of the cluster named; empty: none.
func (s *State) ExternalBackend() string {
	name, _ := s.Get(TableExternal, Key(externalBackend))
	return string(name)
}

// NameExternalBackend says which external backend there is; empty: none.
func (s *State) NameExternalBackend(name string) {
	if name == "" {
		s.Write(TableExternal, Key(externalBackend), nil)
		return
	}
	s.Write(TableExternal, Key(externalBackend), []byte(name))
}

// ExternalForPlace returns the external backend that may get what is said in a place; empty: none.
func (s *State) ExternalForPlace(p *Place) string {
	if s.PlaceAgrees(p) {
		return s.ExternalBackend()
	}
	return ""
}

// PlaceAgrees says whether those whose place it is have nothing against an external backend.
func (s *State) PlaceAgrees(p *Place) bool {
	if p.Kind == Conversation {
		return s.PartyAgrees(p.ID, p.Pair[0]) && s.PartyAgrees(p.ID, p.Pair[1])
	}
	return !s.Has(TableExternal, Key(externalNoPlace, uint64(p.ID)))
}

// PartyAgrees says whether one party of a conversation agrees.
func (s *State) PartyAgrees(id PlaceID, user UserID) bool {
	return s.Has(TableExternal, Key(externalParty, uint64(id), uint64(user)))
}

// ExternalForDoc returns the external backend that may get a document; empty: none.
func (s *State) ExternalForDoc(id DocID) string {
	if s.DocAgrees(id) {
		return s.ExternalBackend()
	}
	return ""
}

// DocAgrees says whether the owners of a document have nothing against an external backend.
func (s *State) DocAgrees(id DocID) bool {
	return !s.Has(TableExternal, Key(externalNoDoc, uint64(id)))
}

// AgreePlace says for all in a channel whether an external backend may get what is said there, and for one party of a
// conversation whether he agrees.
func (s *State) AgreePlace(p *Place, user UserID, on bool) {
	if p.Kind == Conversation {
		s.mark(Key(externalParty, uint64(p.ID), uint64(user)), on)
		return
	}
	s.mark(Key(externalNoPlace, uint64(p.ID)), !on)
}

// AgreeDoc says whether an external backend may get a document.
func (s *State) AgreeDoc(id DocID, on bool) { s.mark(Key(externalNoDoc, uint64(id)), !on) }

// mark has a row be there, or not.
func (s *State) mark(key string, there bool) {
	switch had := s.Has(TableExternal, key); {
	case there && !had:
		s.Mark(TableExternal, key)
	case !there && had:
		s.Remove(TableExternal, key)
	}
}
