package server

import (
	"sync"
	"time"

	"google.golang.org/grpc"
	healthserver "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"parley/raft/host"
	pb "parley/rpc/proto/parley/v1"
)

// health answers grpc.health.v1. The empty service is the process: it serves as
// long as it runs. ChatService serves only while the node knows a
// leader, so that a load balancer finds the nodes that can do work.
type health struct {
	host   *host.Host
	server *healthserver.Server
	quit   chan struct{}
	once   sync.Once
}

func registerHealth(g *grpc.Server, h *host.Host) *health {
	hs := healthserver.NewServer()
	healthpb.RegisterHealthServer(g, hs)
	reflection.Register(g)
	hs.SetServingStatus(pb.ChatService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_NOT_SERVING)
	return &health{host: h, server: hs, quit: make(chan struct{})}
}

func (h *health) watch() {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		serving := healthpb.HealthCheckResponse_NOT_SERVING
		if h.host.Status().Leader != 0 {
			serving = healthpb.HealthCheckResponse_SERVING
		}
		h.server.SetServingStatus(pb.ChatService_ServiceDesc.ServiceName, serving)
		select {
		case <-tick.C:
		case <-h.quit:
			return
		}
	}
}

// stop ends watch and every client's Watch with NOT_SERVING.
func (h *health) stop() {
	h.once.Do(func() {
		close(h.quit)
		h.server.Shutdown()
	})
}
