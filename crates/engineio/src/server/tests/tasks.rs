//! An application that hands its session to other tasks.

use super::*;

#[tokio::test]
async fn a_session_that_another_task_reads_is_read_on() {
    // More than an inbox holds, so that the reading stops and must go on.
    const MESSAGES: usize = 2000;
    let server = Server::new(Config::default(), |mut socket: Socket| async move {
        let all = tokio::spawn(async move {
            for _ in 0..MESSAGES {
                tokio::task::yield_now().await;
                let _ = socket.recv().await;
            }
            let _ = socket.send("all");
            socket.recv().await
        });
        let _ = all.await;
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    for _ in 0..MESSAGES {
        socket.feed(Message::text("4a")).await.unwrap();
    }
    socket.flush().await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), text(&mut socket)).await;
    assert_eq!(answer.as_deref(), Ok("4all"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_another_task_sends_leaves_whatever_the_session_does_meanwhile() {
    let server = Server::new(Config::default(), |mut socket: Socket| async move {
        let sender = socket.sender();
        let (tell, mut told) = tokio::sync::mpsc::channel::<()>(1);
        tokio::spawn(async move {
            while told.recv().await.is_some() {
                let _ = sender.send("a");
            }
        });
        // Each message is answered from the other task, while this one comes to rest.
        while socket.recv().await.is_some() {
            let _ = tell.send(()).await;
        }
    });
    let address = serve(&server).await;
    let mut socket = websocket(&address, "").await;
    assert!(text(&mut socket).await.starts_with("0{"));
    for number in 0..2_000 {
        socket.send(Message::text("4a")).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(10), text(&mut socket)).await;
        assert_eq!(answer.as_deref(), Ok("4a"), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_has_the_application_polled_once_and_the_session_goes_on() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(Config::default(), move |mut socket: Socket| {
        let (tell, mut polls) = (tell.clone(), 0);
        let began = tokio::time::Instant::now();
        std::future::poll_fn(move |cx| {
            let message = socket.poll_recv(cx);
            let _ = tell.send((began.elapsed(), message.is_ready()));
            let seconds = |seconds| Some(began.into_std() + Duration::from_secs(seconds));
            match polls {
                0 => socket.set_alarm(seconds(3)),
                1 => socket.set_alarm(seconds(30)),
                // One that is taken back never comes.
                2 => {
                    socket.set_alarm(seconds(31));
                    socket.set_alarm(None);
                }
                _ => {}
            }
            polls += 1;
            message.map(drop)
        })
    });
    let open = http::Request::get("/?EIO=4&transport=polling").body(String::new()).unwrap();
    server.service().answer(open).await;
    let mut seen = Vec::new();
    while let Some((at, ended)) = told.recv().await {
        seen.push((at.as_secs(), ended));
        if ended {
            break;
        }
    }
    // The ping at 25 seconds is no matter of the application; its pong does not come.
    assert_eq!(seen, [(0, false), (3, false), (30, false), (45, true)]);
}
