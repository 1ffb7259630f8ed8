-- Sends the same request, byte for byte, again and again; prints one line of JSON. Run: wrk -s plane.lua URL -- FILE
local raw

function init(args)
  local file = assert(io.open(args[1], "rb"))
  raw = file:read("*a")
  file:close()
end

function request()
  return raw
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "failed": %d, "p50": %.4f, "p99": %.4f}\n',
    summary.requests, summary.duration / 1e6, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
