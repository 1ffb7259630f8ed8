// A runtime of its own with nothing but Rust's standard library: answers each invocation with what it got.
use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

fn request(address: &str, text: String) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let size = stream.read(&mut chunk).unwrap();
        answer.extend_from_slice(&chunk[..size]);
        let text = String::from_utf8_lossy(&answer).to_string();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = header(head, "content-length").parse().unwrap();
            if body.len() >= length || size == 0 {
                return (head.to_string(), body.to_string());
            }
        }
    }
}

fn header(head: &str, name: &str) -> String {
    let found = head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.to_lowercase() == name);
    found.map(|(_, value)| value.to_string()).unwrap_or_default()
}

fn main() {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    println!("started with {}", env::args().collect::<Vec<_>>().join(" "));
    loop {
        let ask = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let (head, event) = request(&address, ask);
        let id = header(&head, "lambda-runtime-aws-request-id");
        println!("got {event}");
        let kind = if event == "\"fail\"" { "error" } else { "response" };
        let handler = env::var("_HANDLER").unwrap();
        let body = if kind == "error" {
            "{\"errorType\":\"Rust.Error\",\"errorMessage\":\"asked to\"}".to_string()
        } else {
            format!("{{\"event\":{event},\"handler\":\"{handler}\",\"execution\":\"{}\"}}",
                env::var("AWS_EXECUTION_ENV").unwrap_or("none".to_string()))
        };
        let size = body.len();
        let post = format!("POST /2018-06-01/runtime/invocation/{id}/{kind} HTTP/1.1\r\nHost: {address}\r\n");
        request(&address, format!("{post}Content-Length: {size}\r\n\r\n{body}"));
    }
}
