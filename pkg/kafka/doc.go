// Package kafka is a Watermill publisher and subscriber over franz-go.
package kafka
