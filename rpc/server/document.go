package server

import (
	"context"
	"crypto/sha256"
	"strconv"
	"time"

	"parley/raft"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/document"
	"parley/statemachine/state"
)

// documents serves DocumentService.
type documents struct {
	pb.UnimplementedDocumentServiceServer
	*edge
}

func (s *documents) CreateDocument(ctx context.Context, r *pb.CreateDocumentRequest) (*pb.CreateDocumentResponse, error) {
	if err := refuseBlank("title", "The title", r.GetTitle()); err != nil {
		return nil, err
	}
	c := &document.Create{Title: r.GetTitle(), Content: string(r.GetContent()), Note: r.GetNote(), Mode: convert.LockModeOf(r.GetLockMode())}
	var made document.Item
	at, err := s.propose(ctx, r.GetCommand(), c, &made)
	if err != nil {
		return nil, err
	}
	return &pb.CreateDocumentResponse{Document: convert.Document(&made), Position: uint64(at)}, nil
}

// UpdateDocument sends into the log what differs from the revision that this node has, which may be an older one. What the
// caller said is the content: a repetition may come as another difference.
func (s *documents) UpdateDocument(ctx context.Context, r *pb.UpdateDocumentRequest) (*pb.UpdateDocumentResponse, error) {
	if len(r.GetContent()) > s.limits.DocumentBytesMax { // the differences may be few
		return nil, convert.RejectionError(document.RefuseTooLarge(&s.limits, len(r.GetContent())))
	}
	var was document.Content
	if _, err := s.askLong(ctx, pb.Consistency_CONSISTENCY_STALE, &document.Show{ID: r.GetDocumentId()}, &was); err != nil {
		was = document.Content{} // Apply says what is wrong, and in which order it looks
	}
	c := document.NewUpdate(r.GetDocumentId(), r.GetContent(), was.Revision.Version, was.Content)
	c.Fence, c.IfVersion, c.Note = raft.Position(r.GetFence()), r.GetIfVersion(), r.GetNote()
	sum := sha256.Sum256(r.GetContent())
	var i document.Item
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &i, r.GetDocumentId(), string(sum[:]), strconv.FormatUint(r.GetFence(), 10), strconv.FormatUint(r.GetIfVersion(), 10), r.GetNote())
	if err != nil {
		return nil, err
	}
	return &pb.UpdateDocumentResponse{Document: convert.Document(&i), Position: uint64(at)}, nil
}

func (s *documents) RestoreDocument(ctx context.Context, r *pb.RestoreDocumentRequest) (*pb.RestoreDocumentResponse, error) {
	c := &document.Restore{ID: r.GetDocumentId(), Version: r.GetVersion(), Fence: raft.Position(r.GetFence()), IfVersion: r.GetIfVersion(), Note: r.GetNote()}
	var i document.Item
	at, err := s.propose(ctx, r.GetCommand(), c, &i)
	if err != nil {
		return nil, err
	}
	return &pb.RestoreDocumentResponse{Document: convert.Document(&i), Position: uint64(at)}, nil
}

func (s *documents) DeleteDocument(ctx context.Context, r *pb.DeleteDocumentRequest) (*pb.DeleteDocumentResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &document.Delete{ID: r.GetDocumentId()}, &document.Done{})
	return &pb.DeleteDocumentResponse{Position: uint64(at)}, err
}

func (s *documents) UndeleteDocument(ctx context.Context, r *pb.UndeleteDocumentRequest) (*pb.UndeleteDocumentResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &document.Undelete{ID: r.GetDocumentId()}, &document.Done{})
	return &pb.UndeleteDocumentResponse{Position: uint64(at)}, err
}

func (s *documents) ShareDocument(ctx context.Context, r *pb.ShareDocumentRequest) (*pb.ShareDocumentResponse, error) {
	c := &document.Share{ID: r.GetDocumentId(), With: convert.WhomOf(r.GetWith()), Role: convert.RoleOf(r.GetRole())}
	at, err := s.propose(ctx, r.GetCommand(), c, &document.Done{})
	return &pb.ShareDocumentResponse{Position: uint64(at)}, err
}

func (s *documents) UnshareDocument(ctx context.Context, r *pb.UnshareDocumentRequest) (*pb.UnshareDocumentResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &document.Unshare{ID: r.GetDocumentId(), With: convert.WhomOf(r.GetWith())}, &document.Done{})
	return &pb.UnshareDocumentResponse{Position: uint64(at)}, err
}

func (s *documents) SetDocument(ctx context.Context, r *pb.SetDocumentRequest) (*pb.SetDocumentResponse, error) {
	if err := refuseBlank("title", "The title", r.GetTitle()); err != nil {
		return nil, err
	}
	c := &document.Configure{ID: r.GetDocumentId(), Title: r.Title, AI: r.Ai}
	if r.LockMode != nil {
		mode := convert.LockModeOf(r.GetLockMode())
		c.Mode = &mode
	}
	var i document.Item
	at, err := s.propose(ctx, r.GetCommand(), c, &i)
	if err != nil {
		return nil, err
	}
	return &pb.SetDocumentResponse{Document: convert.Document(&i), Position: uint64(at)}, nil
}

func (s *documents) GetDocument(ctx context.Context, r *pb.GetDocumentRequest) (*pb.GetDocumentResponse, error) {
	q := &document.Show{ID: r.GetDocumentId(), Version: r.GetVersion(), At: raft.Position(r.GetAt())}
	if t := r.GetTime(); t != nil {
		at := t.AsTime()
		if !t.IsValid() || at.Before(time.Unix(0, 1)) || at.Year() > 2200 { // beyond it a time does not fit into nanoseconds
			return nil, fieldError("time", "The time is none between 1970 and 2200.")
		}
		q.Time = raft.Wall(at.UnixNano())
	}
	var got document.Content
	at, err := s.askLong(ctx, r.GetConsistency(), q, &got)
	if err != nil {
		return nil, err
	}
	return &pb.GetDocumentResponse{Document: convert.Document(&got.Item), Revision: convert.DocumentRevision(&got.Revision), Content: got.Content, Position: uint64(at)}, nil
}

func (s *documents) ListRevisions(ctx context.Context, r *pb.ListRevisionsRequest) (*pb.ListRevisionsResponse, error) {
	before, err := numberFrom[uint64](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page document.Revisions
	at, err := s.askLong(ctx, r.GetConsistency(), &document.History{ID: r.GetDocumentId(), Before: before, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.ListRevisionsResponse{Revisions: convert.DocumentRevisions(&page), NextCursor: numberCursor(page.Next), Position: uint64(at)}, nil
}

// ListDocuments is a command if an admin of the cluster wants to see all: it is written down.
func (s *documents) ListDocuments(ctx context.Context, r *pb.ListDocumentsRequest) (*pb.ListDocumentsResponse, error) {
	before, err := numberFrom[state.DocID](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page document.Page
	var at raft.Position
	if r.GetAll() {
		at, err = s.propose(ctx, s.own(), &document.InspectAll{Before: before, Limit: uint64(r.GetLimit())}, &page)
	} else {
		at, err = s.askLong(ctx, r.GetConsistency(), &document.List{Before: before, Limit: uint64(r.GetLimit()), Deleted: r.GetDeleted()}, &page)
	}
	if err != nil {
		return nil, err
	}
	return &pb.ListDocumentsResponse{Documents: convert.Documents(&page), NextCursor: numberCursor(page.Next), Position: uint64(at)}, nil
}

func (s *documents) ListGrants(ctx context.Context, r *pb.ListGrantsRequest) (*pb.ListGrantsResponse, error) {
	var list document.Grants
	at, err := s.ask(ctx, r.GetConsistency(), &document.AccessList{ID: r.GetDocumentId()}, &list)
	if err != nil {
		return nil, err
	}
	return &pb.ListGrantsResponse{Grants: convert.Grants(&list), Position: uint64(at)}, nil
}
