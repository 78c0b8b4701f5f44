// Owns the connections of one game instance.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "Subsystems/GameInstanceSubsystem.h"
#include "DreamportSubsystem.generated.h"

class UDreamportRecorderComponent;
class UDreamportWorldComponent;

/**
 * Opens and closes sessions for the world components of a game. When the game instance ends (Play stops, the level editor closes, the game
 * exits), every session ends with it, also of components that were never told to stop.
 */
UCLASS()
class DREAMPORT_API UDreamportSubsystem : public UGameInstanceSubsystem
{
	GENERATED_BODY()

public:
	/** The one of an object's game; null in the editor without Play. */
	static UDreamportSubsystem* Get(const UObject* WorldContext);

	//~ Begin USubsystem
	virtual void Initialize(FSubsystemCollectionBase& Collection) override;
	virtual void Deinitialize() override;
	//~ End USubsystem

	/** State of the backend on this machine. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	EDreamportBackendState GetBackendState() const;

	/** What the backend is doing and what to do about it. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	FString GetBackendStatus() const;

	/** World components that play now. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	TArray<UDreamportWorldComponent*> GetPlaying() const;

	/** A world component plays from now on (or no longer). */
	void Add(UDreamportWorldComponent* Component);
	void Remove(UDreamportWorldComponent* Component);
	/** A recorder records from now on (or no longer). */
	void Add(UDreamportRecorderComponent* Component);
	void Remove(UDreamportRecorderComponent* Component);

	/** Every subsystem that lives, for the editor's Backend tab. */
	static const TArray<TWeakObjectPtr<UDreamportSubsystem>>& All();

private:
	void StopAll();

	UPROPERTY(Transient)
	TArray<TObjectPtr<UDreamportWorldComponent>> Worlds;

	UPROPERTY(Transient)
	TArray<TObjectPtr<UDreamportRecorderComponent>> Recorders;

	FDelegateHandle PreExit;
};
