//! When the application is polled, and what it is given then.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::FutureExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::server::Sender;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

#[tokio::test]
async fn an_application_is_not_polled_for_what_leaves() {
    let polls = Arc::new(AtomicUsize::new(0));
    let (tell, mut senders) = mpsc::unbounded_channel::<Sender>();
    let counted = Arc::clone(&polls);
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let _ = tell.send(socket.sender());
        let polls = Arc::clone(&counted);
        poll_fn(move |cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            while let Poll::Ready(message) = socket.poll_recv(cx) {
                match message {
                    Some(message) => assert!(socket.send(message).is_ok()),
                    None => return Poll::Ready(()),
                }
            }
            Poll::Pending
        })
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    let sender = senders.recv().await.unwrap();
    let before = polls.load(Ordering::Relaxed);
    for number in 0..100 {
        sender.send(&*number.to_string()).unwrap();
        assert_eq!(within(text(&mut socket)).await, format!("4{number}"));
    }
    assert_eq!(polls.load(Ordering::Relaxed), before);
    // What comes is its turn, and its end is too.
    socket.send(Message::text("4a")).await.unwrap();
    assert_eq!(within(text(&mut socket)).await, "4a");
    assert_eq!(polls.load(Ordering::Relaxed), before + 1);
}

#[tokio::test]
async fn an_application_that_waits_for_something_else_is_woken_by_it() {
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let go = Arc::clone(&gate);
        async move {
            go.notified().await;
            let _ = socket.send("gone");
            tokio::time::sleep(Duration::from_millis(1)).await;
            let _ = socket.send("slept");
            // By the wakers of the set, not by that of the session.
            let mut set: FuturesUnordered<_> =
                [async { socket.recv().await }.boxed()].into_iter().collect();
            let message = set.next().await;
            drop(set);
            let _ = socket.send(message.flatten().unwrap());
            socket.recv().await;
        }
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    // One wake-up that is not for the application, before the one that is.
    socket.send(Message::Ping("".into())).await.unwrap();
    assert!(within(socket.next()).await.unwrap().unwrap().is_pong());
    go.notify_one();
    assert_eq!(within(text(&mut socket)).await, "4gone");
    assert_eq!(within(text(&mut socket)).await, "4slept");
    socket.send(Message::text("4a")).await.unwrap();
    assert_eq!(within(text(&mut socket)).await, "4a");
}

#[tokio::test]
async fn an_application_that_waits_for_nothing_sees_the_end() {
    let (tell, mut senders) = mpsc::unbounded_channel::<Sender>();
    let ended = Arc::new(Notify::new());
    let end = Arc::clone(&ended);
    let server = Server::new(Config::default(), move |socket: Socket| {
        let _ = tell.send(socket.sender());
        let end = Arc::clone(&end);
        poll_fn(move |_| match socket.is_closed() {
            true => {
                end.notify_one();
                Poll::Ready(())
            }
            false => Poll::Pending,
        })
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    senders.recv().await.unwrap().close();
    within(ended.notified()).await;
    drop(socket);
    socket = websocket(&address, "").await;
    senders.recv().await.unwrap();
    drop(socket);
    within(ended.notified()).await;
}

#[tokio::test]
async fn all_messages_that_are_there_are_given_at_once_and_then_the_end() {
    let (tell, mut told) = mpsc::unbounded_channel::<Option<Vec<String>>>();
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let tell = tell.clone();
        let mut messages = VecDeque::new();
        poll_fn(move |cx| {
            // One call each time: what comes later must wake it.
            let Poll::Ready(first) = socket.poll_recv_all(cx, &mut messages) else {
                return Poll::Pending;
            };
            let goes_on = first.is_some();
            let all = first.into_iter().chain(messages.drain(..));
            let all = all.map(|message| format!("{message:?}")).collect();
            let _ = tell.send(goes_on.then_some(all));
            if goes_on { Poll::Pending } else { Poll::Ready(()) }
        })
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    for messages in [vec!["a", "b", "c"], vec!["d"]] {
        for message in &messages {
            socket.feed(Message::text(format!("4{message}"))).await.unwrap();
        }
        socket.flush().await.unwrap();
        let expected: Vec<_> = messages.iter().map(|text| format!("Text({text:?})")).collect();
        assert_eq!(within(told.recv()).await, Some(Some(expected)));
    }
    // The last message and the end come in one write.
    socket.feed(Message::text("4e")).await.unwrap();
    socket.close(None).await.unwrap();
    assert_eq!(within(told.recv()).await, Some(Some(vec!["Text(\"e\")".into()])));
    assert_eq!(within(told.recv()).await, Some(None));
}

#[tokio::test]
async fn what_is_left_of_a_session_that_is_over_is_given_to_its_end() {
    let (tell, mut senders) = mpsc::unbounded_channel::<Sender>();
    let (go, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (gate, end) = (Arc::clone(&go), Arc::clone(&ended));
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let _ = tell.send(socket.sender());
        let (go, end) = (Arc::clone(&gate), Arc::clone(&end));
        async move {
            // Busy until the session is over.
            go.notified().await;
            let mut messages = VecDeque::new();
            poll_fn(|cx| match socket.poll_recv_all(cx, &mut messages) {
                Poll::Ready(None) => Poll::Ready(()),
                Poll::Ready(Some(_)) | Poll::Pending => Poll::Pending,
            })
            .await;
            end.notify_one();
        }
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    socket.feed(Message::text("4a")).await.unwrap();
    socket.close(None).await.unwrap();
    let sender = senders.recv().await.unwrap();
    while !sender.is_closed() || server.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    // Each wakes the session's task, which no longer asks to be woken.
    for _ in 0..3 {
        assert!(sender.send("late").is_err());
        tokio::task::yield_now().await;
    }
    go.notify_one();
    within(ended.notified()).await;
}
