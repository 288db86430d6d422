package convert

import (
	"encoding/hex"
	"strings"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/document"
	"parley/statemachine/state"
)

// Document returns a document as somebody sees it, without its content.
func Document(i *document.Item) *pb.Document {
	d := &i.Document
	return &pb.Document{
		Id: d.ID.String(), Title: d.Title, Author: i.MadeBy, Version: d.Version, Size: d.Size, LockMode: pb.LockMode(d.Mode), Role: pb.DocumentRole(i.Role),
		Lock: Lock(&i.Lock), Time: timeOf(d.Wall), Updated: timeOf(d.LastWall), UpdatedBy: i.WrittenBy, Position: uint64(d.Last),
		Deleted: d.Deleted(), NoAi: d.NoAI,
	}
}

// Documents returns a page of documents.
func Documents(p *document.Page) []*pb.Document {
	all := make([]*pb.Document, len(p.Documents))
	for i := range p.Documents {
		all[i] = Document(&p.Documents[i])
	}
	return all
}

// DocumentRevision returns a revision without its content.
func DocumentRevision(r *document.Revision) *pb.DocumentRevision {
	return &pb.DocumentRevision{
		Version: r.Version, Position: uint64(r.Position), Author: r.Called, Time: timeOf(r.Wall), Note: r.Note, Size: r.Size,
		Sha256: hex.EncodeToString(r.Sum[:]), Fence: uint64(r.Fence), Restored: r.Restored,
	}
}

// DocumentRevisions returns a page of revisions.
func DocumentRevisions(p *document.Revisions) []*pb.DocumentRevision {
	all := make([]*pb.DocumentRevision, len(p.Revisions))
	for i := range p.Revisions {
		all[i] = DocumentRevision(&p.Revisions[i])
	}
	return all
}

// WhomOf returns with whom a request shares a document.
func WhomOf(g *pb.Grantee) document.Whom {
	return document.Whom{User: g.GetUser(), Channel: g.GetChannel(), All: g.GetAll()}
}

// RoleOf returns the role that a request names; what is none is none.
func RoleOf(r pb.DocumentRole) state.Role {
	if pb.DocumentRole_name[int32(r)] == "" {
		return 0
	}
	return state.Role(r)
}

// LockModeOf returns the mode that a request names. What is none is no mode of the state machine's either.
func LockModeOf(m pb.LockMode) state.LockMode {
	if pb.LockMode_name[int32(m)] == "" {
		return 255
	}
	return state.LockMode(m)
}

// Grants returns an access list.
func Grants(g *document.Grants) []*pb.Grant {
	all := make([]*pb.Grant, len(g.Grants))
	for i := range g.Grants {
		all[i] = &pb.Grant{Id: g.Grants[i].ID, Role: pb.DocumentRole(g.Grants[i].Role), With: grantee(&g.Grants[i])}
	}
	return all
}

func grantee(g *document.Grant) *pb.Grantee {
	switch {
	case g.Kind == state.GranteeUser:
		return &pb.Grantee{With: &pb.Grantee_User{User: g.Called}}
	case g.Kind == state.GranteeAll:
		return &pb.Grantee{With: &pb.Grantee_All{All: true}}
	case g.Called == "":
		return nil
	}
	return &pb.Grantee{With: &pb.Grantee_Channel{Channel: strings.TrimPrefix(g.Called, "#")}}
}

// documentEvent returns what happened to a document.
func documentEvent(e *state.Shown) *pb.Event {
	change := map[state.EventKind]pb.DocumentChanged_Change{
		state.EventDocMade: pb.DocumentChanged_CHANGE_CREATED, state.EventDocUpdated: pb.DocumentChanged_CHANGE_UPDATED,
		state.EventDocRestored: pb.DocumentChanged_CHANGE_RESTORED, state.EventDocDeleted: pb.DocumentChanged_CHANGE_DELETED,
		state.EventDocUndeleted: pb.DocumentChanged_CHANGE_UNDELETED, state.EventDocShared: pb.DocumentChanged_CHANGE_SHARED,
		state.EventDocUnshared: pb.DocumentChanged_CHANGE_UNSHARED, state.EventDocChanged: pb.DocumentChanged_CHANGE_SET,
	}[e.Kind]
	if change == 0 {
		return nil
	}
	return &pb.Event{Kind: &pb.Event_Document{Document: &pb.DocumentChanged{
		Change: change, DocumentId: e.Doc.String(), Title: e.Title, Version: e.Version, Username: e.UserName, With: e.OtherName, Role: e.Text}}}
}
