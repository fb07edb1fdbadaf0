import asyncio

from avatar_sdk import AvatarClient


async def main():
    # Initialize client
    client = AvatarClient(
        api_url="http://localhost:8000/v1",
        ws_url="ws://localhost:8001/ws"
    )
    
    # Create session
    session = await client.create_session(
        quality="high",
        voice_id="EXAVITQu4vr4xnSDxMaL"
    )
    
    # Connect to WebSocket
    await session.connect()
    
    # Handle events
    @session.on("frame")
    async def on_frame(frame_data):
        # Process video frame
        pass
    
    @session.on("audio")
    async def on_audio(audio_data):
        # Process audio
        pass
    
    # Send chat message
    response = await session.chat("Hello, how are you?")
    print(f"Avatar: {response}")
    
    # Make avatar speak
    await session.speak("Welcome to our demo!")
    
    # Keep running
    await session.run_forever()

if __name__ == "__main__":
    asyncio.run(main())
