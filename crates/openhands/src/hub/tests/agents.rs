//! How the hub starts, restarts and ends agents.

use super::*;

type Run = dyn Fn(Seat, u32) -> BoxFuture<'static, Result<(), AgentError>> + Send + Sync;

/// An agent made of a function, which also gets how often it was started.
struct Scripted {
    run: Box<Run>,
    starts: Arc<AtomicU32>,
}

impl Scripted {
    fn new<F>(run: impl Fn(Seat, u32) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        Self {
            run: Box::new(move |seat, start| Box::pin(run(seat, start))),
            starts: Arc::default(),
        }
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Agent for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn greeting(&self) -> Vec<Draft> {
        Vec::new()
    }

    fn run(&self, seat: Seat) -> BoxFuture<'_, Result<(), AgentError>> {
        (self.run)(seat, self.starts.fetch_add(1, Ordering::SeqCst))
    }
}

/// Answers every event of the user by its id.
async fn echo(mut seat: Seat) -> Result<(), AgentError> {
    while let Some(event) = seat.next().await? {
        if event.source == Source::User {
            let text = format!("answer to {}", event.id);
            seat.append(vec![Draft::agent_message(&text, true)]).await?;
        }
    }
    Ok(())
}

async fn all(conversation: &Conversation) -> Vec<String> {
    let page = PageOf {
        from: Position::START,
        direction: Direction::Forward,
        max_events: 100,
        max_bytes: usize::MAX,
    };
    let events = conversation.page(page).await.unwrap().events;
    let event = |json| serde_json::from_slice::<serde_json::Value>(json).unwrap();
    events
        .iter()
        .map(|stored| match event(&stored.json) {
            event if event["observation"] == "agent_state_changed" => format!(
                "{}: {}",
                event["extras"]["agent_state"].as_str().unwrap(),
                event["extras"]["reason"].as_str().unwrap()
            ),
            event => event["message"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn it_answers_each_message_once_over_restarts_and_loads() {
    let folder = tempfile::tempdir().unwrap();
    let echo_hub = || hub(folder.path(), Scripted::new(|seat, _| echo(seat)));
    let hub = echo_hub();
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let mut cursor = conversation.subscribe(Position::START);
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut cursor, "answer to 0").await;
    hub.shutdown().await;
    drop((cursor, conversation, hub));

    let log = open(folder.path());
    let key = log.conversation(&id("a")).await.unwrap().unwrap().key;
    log.append(key, vec![Draft::user_message("y")], None).await.unwrap();
    log.close().await;
    let hub = echo_hub();
    let conversation = hub.conversation(&id("a"), Create::No).await.unwrap();
    read_until(&mut conversation.subscribe(Position(2)), "answer to 2").await;
    assert_eq!(all(&conversation).await, ["x", "answer to 0", "y", "answer to 2"]);
}

#[tokio::test]
async fn a_turn_of_several_appends_is_given_again_until_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let script = seen.clone();
    let hub = hub(
        folder.path(),
        Scripted::new(move |mut seat, start| {
            let seen = script.clone();
            async move {
                while let Some(event) = seat.next().await? {
                    seen.lock().unwrap().push((start, event.id.0));
                    match (start, event.source) {
                        (0, _) => {
                            seat.step(vec![Draft::think("half")]).await?;
                            return Err(AgentError::Backend("killed".into()));
                        }
                        (_, Source::User) => {}
                        _ => drop(seat.append(vec![Draft::think("whole")]).await?),
                    }
                    if event.id.0 == 1 {
                        return Ok(());
                    }
                }
                Ok(())
            }
        }),
    );
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "whole").await;
    assert_eq!(*seen.lock().unwrap(), [(0, 0), (1, 0), (1, 1)]);
    assert_eq!(conversation.core.head().agent_cursor, Position(2));
}

#[tokio::test]
async fn one_that_keeps_failing_is_reported_and_tried_again_with_the_next_message() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Scripted::new(|mut seat, start| async move {
        if start == 5 {
            return echo(seat).await;
        }
        seat.next().await?;
        assert!(start % 2 == 0, "start {start}");
        Err(AgentError::Backend(format!("broken at start {start}")))
    });
    let starts = agent.starts.clone();
    let hub = hub(folder.path(), agent);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    let mut statuses = conversation.statuses();
    let mut cursor = conversation.subscribe(Position::START);
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut cursor, "broken at start 4").await;
    assert_eq!(starts.load(Ordering::SeqCst), 5);
    let status = statuses.recv().await.unwrap();
    assert_eq!(status, Ephemeral::error("STATUS$ERROR", "broken at start 0"));
    let status = statuses.recv().await.unwrap();
    assert_eq!(status, Ephemeral::error("STATUS$ERROR", "the agent panicked: start 1"));

    conversation.append_one(Draft::user_message("y")).await.unwrap();
    read_until(&mut cursor, "answer to 2").await;
    assert_eq!(all(&conversation).await, ["x", "error: broken at start 4", "y", "answer to 2"]);
}

#[tokio::test]
async fn a_stuck_agent_is_stopped_and_starts_again_with_the_next_message() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Scripted::new(|mut seat, start| async move {
        if start == 1 {
            return echo(seat).await;
        }
        seat.next().await?;
        seat.step(vec![Draft::think("stuck")]).await?;
        std::future::pending().await
    });
    let config = HubConfig { agent_grace: Duration::from_millis(5), ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(agent)), config);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    assert!(!conversation.stop_agent().await.unwrap());
    let mut cursor = conversation.subscribe(Position::START);
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut cursor, "stuck").await;
    assert!(conversation.is_agent_running());
    hub.registry.sweep(true);
    assert!(conversation.stop_agent().await.unwrap());
    assert!(!conversation.is_agent_running());
    conversation.append_one(Draft::user_message("y")).await.unwrap();
    read_until(&mut cursor, "answer to 3").await;
    let texts = all(&conversation).await;
    assert_eq!(texts[2..], ["stopped: ", "y", "answer to 3"]);
}

#[tokio::test]
async fn an_agent_at_work_keeps_its_conversation_and_a_waiting_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (release, released) = tokio::sync::watch::channel(false);
    let hub = hub(
        folder.path(),
        Scripted::new(move |mut seat, _| {
            let mut released = released.clone();
            async move {
                while let Some(event) = seat.next().await? {
                    if event.source == Source::User {
                        seat.step(vec![Draft::think("at work")]).await?;
                        // The sender lives as long as the test.
                        let _ = released.wait_for(|&done| done).await;
                        seat.append(vec![Draft::think("done")]).await?;
                    }
                }
                Ok(())
            }
        }),
    );
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "at work").await;
    drop(conversation);
    hub.registry.sweep(true);
    assert_eq!(hub.conversations_loaded(), 1);

    release.send(true).unwrap();
    let conversation = hub.conversation(&id("a"), Create::No).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "done").await;
    while !conversation.core.is_agent_idle() {
        tokio::task::yield_now().await;
    }
    drop(conversation);
    hub.registry.sweep(true);
    assert_eq!(hub.conversations_loaded(), 0);
}

#[tokio::test]
async fn the_end_of_the_server_ends_agents_in_time_and_keeps_their_work() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(
        folder.path(),
        Scripted::new(|mut seat, _| async move {
            seat.next().await?;
            seat.step(vec![Draft::think("begun")]).await?;
            seat.stopping().await;
            seat.step(vec![Draft::think("put aside")]).await?;
            assert!(seat.next().await?.is_none());
            Ok(())
        }),
    );
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "begun").await;
    hub.shutdown().await;
    let log = open(folder.path());
    let head = log.head(conversation.core.key).await.unwrap();
    assert_eq!((head.position, head.agent_cursor), (Position(3), Position(0)));
}

#[tokio::test]
async fn deleting_ends_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let script = ended.clone();
    let hub = hub(
        folder.path(),
        Scripted::new(move |mut seat, _| {
            let ended = script.clone();
            async move {
                seat.next().await?;
                seat.workspace().await?;
                seat.step(vec![Draft::think("ready")]).await?;
                while seat.next().await?.is_some() {}
                ended.store(true, Ordering::SeqCst);
                Ok(())
            }
        }),
    );
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "ready").await;
    assert!(hub.delete(&id("a")).await.unwrap());
    assert!(ended.load(Ordering::SeqCst));
    assert!(std::fs::read_dir(folder.path().join("w")).unwrap().next().is_none());
}

#[tokio::test]
async fn an_agent_waits_for_a_log_that_cannot_be_written_as_long_as_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let tries = HubConfig::new("").agent_tries;
    let full = || LogError::Write(Arc::new(std::io::Error::other("disk full")));
    let agent = Scripted::new(move |seat, start| async move {
        match start < 2 * tries {
            true => Err(full().into()),
            false => echo(seat).await,
        }
    });
    // Waits double: with the first one of no length all are.
    let config = HubConfig { agent_backoff: Duration::ZERO, ..config(folder.path()) };
    let hub = Hub::new(open(folder.path()), Arc::new(OneAgent::new(agent)), config);
    let conversation = hub.conversation(&id("a"), Create::Yes).await.unwrap();
    conversation.append_one(Draft::user_message("x")).await.unwrap();
    read_until(&mut conversation.subscribe(Position::START), "answer to 0").await;
    assert_eq!(all(&conversation).await, ["x", "answer to 0"]);
}
